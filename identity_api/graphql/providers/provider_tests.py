"""Tests of a provider: checks that need no person, and a test login in the administrator's own browser."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

import msgspec
import strawberry

from identity_api.claims import Completeness
from identity_api.db import providers, tenants
from identity_api.db.provider_tests import ProviderTest, Reader
from identity_api.db.providers import Provider
from identity_api.diagnostics import explain_finding
from identity_api.diagnostics.findings import Finding
from identity_api.graphql import ids
from identity_api.graphql.access import object_type
from identity_api.graphql.context import Context, Info
from identity_api.graphql.enums import enum_type
from identity_api.graphql.fields import is_row_of, resolved
from identity_api.graphql.outcomes import mutation
from identity_api.graphql.summaries import Row
from identity_api.providers.self_test.run import SelfTest, SelfTestDeps, keep_result, self_test
from identity_api.sessions.login.dry_run import begin_test, report_for
from identity_api.sessions.login.report import LoginReport

SELF_TEST_SECONDS: Final = 4.0
"""Within the time that a document may take."""


@enum_type(
    "What a finding means.",
    {
        "OK": "All is well.",
        "WARN": "It works, but something should be looked at.",
        "FAIL": "It does not work.",
        "SKIPPED": "It was not checked, because something before it failed or it does not apply.",
    },
)
class FindingStatus(StrEnum):
    """Of `diagnostics.findings`, as the schema writes it."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


@enum_type(
    "The state of a test login.",
    {
        "WAITING": "It is not finished yet.",
        "PASSED": "It succeeded.",
        "FAILED": "It failed; the verdict says why.",
    },
)
class ProviderTestStatus(StrEnum):
    """Of `sessions.login.report`."""

    WAITING = "WAITING"
    PASSED = "PASSED"
    FAILED = "FAILED"


@object_type(description="One thing that was checked.")
class ProviderFinding:
    """A sentence that names the fault, and what to do about it."""

    step: str = strawberry.field(description="What was checked.")
    status: FindingStatus = strawberry.field(description="How it went.")
    code: str = strawberry.field(description="`OK`, or a code that the documentation explains.")
    message: str = strawberry.field(description="What was found, as a sentence for people.")
    remedy: str = strawberry.field(description="What to do about it, as a sentence for people.")
    expected: str | None = strawberry.field(description="What the settings say; null where nothing is compared.")
    found: str | None = strawberry.field(description="What the provider says; null where nothing is compared.")


class FindingRow(Row, frozen=True):
    """The row behind `ProviderFinding`; the record is a `Finding`."""

    @property
    def status(self) -> FindingStatus:
        """As the schema writes it."""
        return FindingStatus(self.record.status)

    @property
    def remedy(self) -> str:
        """From the one catalogue."""
        return explain_finding(self.record.code).remedy


@object_type(description="The results of the checks that need no person, and the link to a test login.")
class ProviderTested:
    """Of `testProvider`."""

    verdict: ProviderFinding = strawberry.field(description="The finding to read first; it names the fault.")
    findings: list[ProviderFinding] = strawberry.field(description="Everything that was checked, in order.")
    login_url: str = strawberry.field(
        description="A link that makes a test login, once, in the browser of the admin who asked. Nobody is signed in "
        "and nothing is changed."
    )

    is_type_of = is_row_of(lambda: ProviderTestedRow)


class ProviderTestedRow(msgspec.Struct, frozen=True):
    """The row behind `ProviderTested`."""

    tested: SelfTest
    login_url: str

    @property
    def verdict(self) -> FindingRow:
        """The first line."""
        return FindingRow(self.tested.verdict)

    @property
    def findings(self) -> list[FindingRow]:
        """All lines."""
        return _rows(self.tested.findings)


@object_type(description="What a claim setting found in a test login, without the value of any claim.")
class ClaimReport:
    """Of `sessions.login.report.SettingReport`."""

    setting: str = strawberry.field(description="Which setting: `anchor`, `username`, `display`, `email` or `groups`.")
    looked_for: list[str] = strawberry.field(description="The places that the setting names, in order.")
    found_in: str | None = strawberry.field(description="The place where it was found; null if it was found nowhere.")
    type: str | None = strawberry.field(
        description="What kind of value is there, such as a text or a list; null if there is no value."
    )
    completeness: Completeness | None = strawberry.field(
        description="For groups: how far the reading can be trusted. Null for other claims."
    )
    reason: str | None = strawberry.field(
        description="The reason for this result, as a code; null if there is nothing to explain."
    )
    count: int | None = strawberry.field(description="For groups: how many were read. Null for other claims.")
    nearest: list[str] = strawberry.field(description="Places that the documents have, with similar names.")
    remarks: list[str] = strawberry.field(description="For groups: how an unusual form of the claim was read.")


class ClaimReportRow(Row, frozen=True):
    """The row behind `ClaimReport`; the record is a `SettingReport`."""


@object_type(description="A document that claims are looked for in, and the names at its top level.")
class DocumentNames:
    """Of `sessions.login.report.DocumentReport`."""

    document: str = strawberry.field(description="The name of the document, such as `id_token`.")
    came: bool = strawberry.field(description="Whether the provider sent it.")
    names: list[str] = strawberry.field(description="The names of its claims at the top level, without their values.")


class DocumentNamesRow(Row, frozen=True):
    """The row behind `DocumentNames`; the record is a `DocumentReport`."""


@object_type(description="A claim that came with a test login, without its value.")
class SeenClaim:
    """Of `sessions.login.claims_seen`."""

    place: str = strawberry.field(description="Where it is, as the settings write it, such as `id_token / groups`.")
    type: str = strawberry.field(description="What kind of value it has, such as a text or a list of 3 texts.")
    may_be_groups: bool = strawberry.field(description="Whether it is a list of texts or one text.")


class SeenClaimRow(Row, frozen=True):
    """The row behind `SeenClaim`; the record is a `claims_seen.SeenClaim`."""


@object_type(description="One's own newest test login of a provider. It is kept for ten minutes.")
class ProviderTestReport:
    """Of `providerTest`."""

    status: ProviderTestStatus = strawberry.field(description="The state of the test login.")
    verdict: ProviderFinding = strawberry.field(description="The finding to read first; it names the fault.")
    findings: list[ProviderFinding] = strawberry.field(description="Everything that was checked, in order.")
    settings: list[ClaimReport] = strawberry.field(description="What each claim setting found.")
    documents: list[DocumentNames] = strawberry.field(description="The documents that claims were looked for in.")
    claims: list[SeenClaim] = strawberry.field(
        description="Claims that came: those at the top of each document, and inside objects those that may name groups."
    )
    is_refreshable: bool | None = strawberry.field(
        description="Whether the provider issued a refresh token; null if the login did not come that far."
    )
    begun_at: datetime | None = strawberry.field(description="When the test login began; null if there is none.")
    expires_at: datetime | None = strawberry.field(description="When the report is forgotten; null if there is none.")


class ProviderTestReportRow(msgspec.Struct, frozen=True):
    """The row behind `ProviderTestReport`."""

    test: ProviderTest | None
    report: LoginReport

    @property
    def status(self) -> ProviderTestStatus:
        """As the schema writes it."""
        return ProviderTestStatus(self.report.status)

    @property
    def verdict(self) -> FindingRow:
        """The first line."""
        return FindingRow(self.report.verdict)

    @property
    def findings(self) -> list[FindingRow]:
        """All lines."""
        return _rows(self.report.findings)

    @property
    def settings(self) -> list[ClaimReportRow]:
        """Each claim."""
        return [ClaimReportRow(setting) for setting in self.report.settings]

    @property
    def documents(self) -> list[DocumentNamesRow]:
        """Each document."""
        return [DocumentNamesRow(document) for document in self.report.documents]

    @property
    def claims(self) -> list[SeenClaimRow]:
        """Each claim."""
        return [SeenClaimRow(one) for one in self.report.claims]

    @property
    def is_refreshable(self) -> bool | None:
        """Whether one was issued."""
        return self.report.refresh_token

    @property
    def begun_at(self) -> datetime | None:
        """When the test was begun."""
        return self.test.created_at if self.test else None

    @property
    def expires_at(self) -> datetime | None:
        """When it is forgotten."""
        return self.test.expires_at if self.test else None


def _rows(findings: tuple[Finding, ...]) -> list[FindingRow]:
    return [FindingRow(finding) for finding in findings]


@strawberry.input(description="Which provider to test. It may be disabled.")
class TestProviderInput:
    """Which; it may be a disabled one."""

    __test__ = False  # not a test of the test suite, despite its name

    id: strawberry.ID = strawberry.field(description="The id of the provider.")


@object_type("Query")
class ProviderTestQueries:
    """Root fields about tests of providers."""

    @resolved(ProviderTestReport | None, "How one's own newest test login of a provider went.")
    async def provider_test(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The id of the provider.")]
    ) -> ProviderTestReportRow:
        """Without a test login, the verdict says so."""
        context = info.context
        provider = await _provider(context, id)
        test, report = await report_for(context.deps.login, provider, context.user_id)
        return ProviderTestReportRow(test, report)


@object_type("Mutation")
class ProviderTestMutations:
    """Root fields that test providers."""

    @mutation(
        "TestProviderPayload",
        ProviderTested,
        "Test a provider as far as that is possible without a person, and prepare a test login; nothing is changed.",
    )
    async def test_provider(self, info: Info, input: TestProviderInput) -> ProviderTestedRow:
        """The test login is prepared first: it counts against the pace of tests, which the self-test obeys too."""
        context = info.context
        provider = await _provider(context, input.id)
        login = context.deps.login
        login_url = await begin_test(login, provider, Reader(context.user_id), actor=context.authenticated.actor)
        deps = SelfTestDeps(
            database=login.database,
            vault=login.vault,
            upstream=login.upstream,
            clock=login.clock,
            leeway_seconds=login.limits.leeway_seconds,
            public_url=login.public_url,
        )
        async with context.reading() as connection:
            tenant = await tenants.get(connection, context.tenant_id)
        assert tenant is not None
        tested = await self_test(deps, provider, tenant.slug, seconds=SELF_TEST_SECONDS)
        await keep_result(login.database, context.actor.name, provider, tested)
        return ProviderTestedRow(tested, login_url)


async def _provider(context: Context, value: str) -> Provider:
    """The tenant's provider of this global id.

    Raises:
        NotFound: there is none.
    """
    row_id = ids.row_id(value, "Provider")
    async with context.reading() as connection:
        found = await providers.get(connection, context.tenant_id, row_id)
    if found is None:
        raise ids.not_found("Provider")
    return found
