"""Test logins: what a login would do, told to the administrator who began it, and nothing done (S0-55 to S0-63, S3-23)."""

import asyncio
import contextlib
from typing import Any
from uuid import UUID

import msgspec
import pytest

from identity_api.db import provider_changes
from identity_api.db.provider_tests import Reader
from identity_api.db.providers import ClaimSettings
from identity_api.diagnostics.findings import Finding
from identity_api.errors import NotFound, Refused
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.deps import LoginResult, Prepared
from identity_api.sessions.login.dry_run import MAX_A_MINUTE, begin_test, report_for
from identity_api.sessions.login.report import LoginReport, SettingReport
from tests import factories as make
from tests.blocking import blocked_or_done
from tests.openid_provider import Fault
from tests.sessions.browsers import ORIGIN, Browser, World

pytestmark = pytest.mark.asyncio

LEFT = ("app_user", "identity", "identity_sync", "refresh_token", "session", "permission_grant", "one_time_code")


async def admin(world: World) -> UUID:
    """Somebody with a password, so that the test's own person is somebody else."""
    async with world.database.transaction() as connection:
        return await make.make_user(connection, world.tenant.id, password_hash="x")


async def dry_run(world: World, user_id: UUID, person: str | None = "alice") -> LoginResult:
    url = await begin_test(world.deps, world.provider, Reader(user_id), actor=f"user:{user_id}")
    assert url.startswith(f"{ORIGIN}/auth/launch/")
    prepared = Prepared(handle="", launch_url=url, attempt_id="")
    return await Browser(world.deps).follow_through(prepared, world.idp, person)


async def report(world: World, user_id: UUID) -> LoginReport:
    return (await report_for(world.deps, world.provider, user_id))[1]


async def told_of(world: World, *, person: str = "alice", **settings: Any) -> LoginReport:
    """The report of a test login with these settings."""
    await world.change_provider(**settings)
    user_id = await admin(world)
    await dry_run(world, user_id, person)
    return await report(world, user_id)


async def failed(world: World, fault: Fault | None = None, *, person: str | None = "alice") -> LoginReport:
    """The report of a test login that fails."""
    user_id = await admin(world)
    spoilt = world.idp.fault(fault) if fault is not None else contextlib.nullcontext()
    with spoilt, pytest.raises(LoginFailed):
        await dry_run(world, user_id, person)
    return await report(world, user_id)


def setting(told: LoginReport, name: str) -> SettingReport:
    [found] = [one for one in told.settings if one.setting == name]
    return found


async def test_a_healthy_provider_passes_in_every_line(world: World) -> None:
    """S0-55: what only the customer's own sign-in can show."""
    told = await told_of(world)
    assert (told.status, told.verdict.status, told.refresh_token) == ("PASSED", "ok", True)
    assert {finding.status for finding in told.findings} == {"ok"}
    assert setting(told, "groups").found_in == "id_token / groups"
    assert (setting(told, "groups").type, setting(told, "groups").count) == ("a list of 2 texts", 2)
    assert (setting(told, "groups").completeness, setting(told, "groups").reason) == ("COMPLETE", "LISTED")
    assert {one.document: one.came for one in told.documents} == {
        "id_token": True, "userinfo": True, "access_token": False,
    }  # fmt: skip


async def test_nothing_comes_of_it(world: World) -> None:
    """S0-55."""
    user_id = await admin(world)
    before = {table: await world.count(table) for table in LEFT}
    ended = await dry_run(world, user_id)
    assert (ended.kind, ended.location, ended.set_cookies) == ("TESTED", f"{ORIGIN}/auth/tested", ())
    assert {table: await world.count(table) for table in LEFT} == before
    assert await world.events("login.succeeded") == []
    assert len(await world.events("provider.test_begun")) == 1
    [event] = await world.events("provider.tested")
    assert event["code"] == "OK"


async def test_a_failing_test_is_no_failed_login(world: World) -> None:
    told = await failed(world, Fault.WRONG_AUDIENCE)
    assert told.status == "FAILED"
    assert await world.events("login.failed") == []
    [event] = await world.events("provider.tested")
    assert event["code"] == "TOKEN_REFUSED"


FAULTS: dict[Fault, tuple[str, str]] = {
    Fault.WRONG_AUDIENCE: ("TOKEN_REFUSED", "for another client"),
    Fault.WRONG_ISSUER: ("TOKEN_REFUSED", "another issuer"),
    Fault.EXPIRED: ("TOKEN_REFUSED", "over when it came"),
    Fault.ISSUED_IN_FUTURE: ("TOKEN_REFUSED", "a clock is wrong"),
    Fault.UNKNOWN_KID: ("TOKEN_REFUSED", "a key that it does not publish"),
    Fault.BROKEN_SIGNATURE: ("TOKEN_REFUSED", "signature is not that"),
    Fault.HS256_WITH_PUBLIC_KEY: ("TOKEN_REFUSED", "algorithm"),
    Fault.NO_ID_TOKEN: ("TOKEN_REFUSED", "no ID Token"),
    Fault.NO_NONCE: ("TOKEN_REFUSED", "nonce"),
    Fault.NO_SUBJECT: ("TOKEN_REFUSED", "a required claim is absent: `sub`."),
    Fault.NO_AUDIENCE: ("TOKEN_REFUSED", "a required claim is absent: `aud`."),
    Fault.NO_EXPIRY: ("TOKEN_REFUSED", "a required claim is absent: `exp`."),
    Fault.INVALID_CLIENT: ("PROVIDER_MISCONFIGURED", "does not accept the client"),
    Fault.INVALID_GRANT: ("EXCHANGE_REFUSED", "its own code"),
    Fault.HTML_200: ("PROVIDER_MISCONFIGURED", "cannot be read"),
    Fault.ERROR_503: ("PROVIDER_UNAVAILABLE", "error of its own (status 503)."),
    Fault.REDIRECT: ("PROVIDER_MISCONFIGURED", "error of its own (status 307)."),
    Fault.DROP_AFTER: ("PROVIDER_UNAVAILABLE", "was lost"),
    Fault.NO_ISS_PARAMETER: ("ISSUER_MISMATCH", "announces that its answers carry `iss`"),
    Fault.WRONG_ISS_PARAMETER: ("ISSUER_MISMATCH", "from another provider"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_first_line_names_what_broke(world: World, fault: Fault) -> None:
    code, said = FAULTS[fault]
    told = await failed(world, fault)
    assert (told.status, told.verdict.status, told.verdict.code) == ("FAILED", "fail", code)
    assert said.lower() in told.verdict.message.lower()


async def test_a_person_who_cancels_is_told_as_that(world: World) -> None:
    """S0-61: the provider's error is captured."""
    told = await failed(world, person=None)
    assert (told.verdict.code, told.verdict.found) == ("PROVIDER_REFUSED", "access_denied")


async def test_a_wrong_audience_shows_the_client_id_to_compare(world: World) -> None:
    assert (await failed(world, Fault.WRONG_AUDIENCE)).verdict.expected == world.provider.client_id


async def test_a_groups_claim_that_is_misspelt_shows_the_name_that_came(world: World) -> None:
    told = await told_of(world, claims=ClaimSettings(groups=("gruops",)))
    assert (told.status, told.verdict.code, told.verdict.step) == ("FAILED", "CLAIM_NOT_FOUND", "groups claim")
    assert "id_token / groups, userinfo / groups did" in told.verdict.message
    groups = setting(told, "groups")
    assert (groups.found_in, groups.completeness, groups.reason) == (None, "UNKNOWN", "ABSENT_MEANS_UNKNOWN")
    assert groups.nearest == ("id_token / groups", "userinfo / groups")
    assert groups.looked_for == ("id_token / gruops", "userinfo / gruops")


async def test_where_absence_means_none_a_missing_groups_claim_is_a_warning(world: World) -> None:
    told = await told_of(world, claims=ClaimSettings(groups=("gruops",)), absent_groups="EMPTY")
    assert (told.status, told.verdict.status, told.verdict.code) == ("PASSED", "warn", "CLAIM_NOT_FOUND")


async def test_groups_in_another_case_or_document_are_found_near(world: World) -> None:
    told = await told_of(world, claims=ClaimSettings(groups=("userinfo / Groups", "access_token / roles")))
    assert "id_token / groups" in setting(told, "groups").nearest


async def test_an_anchor_that_does_not_come_fails(world: World) -> None:
    """S0-62, S3-23: it is said which claim is missing."""
    told = await told_of(world, claims=ClaimSettings(anchor=("employee_number",)))
    assert (told.status, told.verdict.code, told.verdict.step) == ("FAILED", "CLAIM_NOT_FOUND", "anchor claim")
    assert "employee_number" in told.verdict.message


async def test_a_missing_username_fails_only_where_users_are_matched_by_it(world: World) -> None:
    claims = ClaimSettings(username=("login_name",))
    assert (await told_of(world, claims=claims)).status == "PASSED"
    assert (await told_of(world, claims=claims, provisioning="KNOWN_USERS")).status == "FAILED"


@pytest.mark.parametrize(
    ("fault", "completeness"),
    [(Fault.GROUPS_OVERAGE, "TRUNCATED"), (Fault.GROUPS_AS_NUMBERS, "UNREADABLE")],
)
async def test_groups_that_cannot_be_trusted_say_why(world: World, fault: Fault, completeness: str) -> None:
    with world.idp.fault(fault):
        told = await told_of(world)
    assert (told.status, told.verdict.code) == ("FAILED", "GROUPS_NOT_COMPLETE")
    assert setting(told, "groups").completeness == completeness
    assert setting(told, "groups").count is None


async def test_a_text_with_commas_that_counts_as_one_group_is_a_warning_and_declared_it_is_none(world: World) -> None:
    """A shape other than a list of texts is taken as it is declared, and the report says in which it came."""
    with world.idp.fault(Fault.GROUPS_AS_STRING):
        told = await told_of(world)
        declared = await told_of(world, claims=ClaimSettings(groups=("id_token / groups / [,]",)))
    [warned] = [one for one in told.findings if one.step == "groups claim"]
    assert (warned.status, warned.code, warned.expected) == ("warn", "GROUPS_AS_ONE_TEXT", "id_token / groups / [,]")
    assert (setting(told, "groups").count, setting(told, "groups").remarks) == (
        1,
        ("NORMALISED: id_token / groups: a single text",),
    )
    [fine] = [one for one in declared.findings if one.step == "groups claim"]
    assert (fine.status, setting(declared, "groups").count) == ("ok", 2)
    assert setting(declared, "groups").remarks == ("NORMALISED: id_token / groups / [,]: a text with commas",)


async def test_an_entry_that_is_no_group_is_named(world: World) -> None:
    """Found in use: a list with one null was unreadable, and no place said which entry it was."""
    world.idp.add_person("nora", groups=["engineering", None])
    told = await told_of(world, person="nora")
    assert told.verdict.code == "GROUPS_NOT_COMPLETE"
    assert "entry 2 of 2 is null" in told.verdict.message
    await world.sign_in("nora")
    [event] = await world.events("login.succeeded")
    assert event["remarks"] == ["ENTRY_NOT_TEXT: id_token / groups: entry 2 of 2 is null"]
    [changed] = await world.events("identity.state_changed")
    assert changed["remarks"] == event["remarks"]


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ('["engineering", "platform"]', 'id_token / groups / [""]'),
        ("engineering platform", "id_token / groups / [ ]"),
    ],
)
async def test_a_text_that_looks_like_a_list_is_a_warning_with_what_to_write(
    world: World, groups: str, expected: str
) -> None:
    world.idp.add_person("tess", groups=["x"])
    world.idp.say(groups=groups)
    told = await told_of(world, person="tess")
    [warned] = [one for one in told.findings if one.step == "groups claim"]
    assert (warned.code, warned.expected) == ("GROUPS_AS_ONE_TEXT", expected)
    declared = await told_of(world, person="tess", claims=ClaimSettings(groups=(expected,)))
    assert setting(declared, "groups").count == 2


async def test_a_path_with_dots_is_told_as_the_path_it_probably_is(world: World) -> None:
    world.idp.say(realm_access={"roles": ["engineering"]})
    told = await told_of(world, claims=ClaimSettings(groups=("realm_access.roles",)))
    [found] = [one for one in told.findings if one.step == "groups claim"]
    assert (found.code, found.found) == ("CLAIM_NOT_FOUND", "id_token / realm_access / roles")


async def test_groups_that_come_twice_are_remarked_upon(world: World) -> None:
    world.idp.add_person("twice", groups=["engineering", "engineering", "platform"])
    told = await told_of(world, person="twice")
    assert setting(told, "groups").remarks == ("DUPLICATES_DROPPED: id_token / groups: 1",)
    assert setting(told, "groups").count == 2


async def test_where_offline_access_needs_consent_the_test_login_says_what_to_set(world: World) -> None:
    with world.idp.fault(Fault.OFFLINE_ACCESS_NEEDS_CONSENT):
        told = await told_of(world)
        assert (told.verdict.code, told.verdict.expected) == (
            "REFRESH_TOKEN_MISSING",
            'authorization_parameters = { prompt = "consent" }',
        )
        assert (await told_of(world, authorization_parameters={"prompt": "consent"})).refresh_token is True


async def test_a_missing_access_token_is_a_warning(world: World) -> None:
    with world.idp.fault(Fault.NO_ACCESS_TOKEN):
        told = await told_of(world)
    assert (told.status, told.verdict.code) == ("PASSED", "ACCESS_TOKEN_MISSING")


async def test_a_missing_refresh_token_is_named(world: World) -> None:
    with world.idp.fault(Fault.NO_REFRESH_TOKEN):
        told = await told_of(world)
    assert (told.status, told.verdict.code, told.refresh_token) == ("FAILED", "REFRESH_TOKEN_MISSING", False)
    with world.idp.fault(Fault.NO_REFRESH_TOKEN):
        assert (await told_of(world, sync="OFF")).status == "PASSED"


async def test_how_long_a_refresh_token_lives_is_told_where_the_provider_tells_it(world: World) -> None:
    """S0-42: one that ends soon is a warning, since a stop of half an hour would sign everybody out."""

    async def said(fault: Fault | None) -> Finding:
        with world.idp.fault(fault) if fault is not None else contextlib.nullcontext():
            told = await told_of(world)
        [found] = [one for one in told.findings if one.step == "refresh token"]
        return found

    short, endless, untold = [await said(one) for one in (Fault.SHORT_REFRESH_TOKEN, Fault.ENDLESS_REFRESH_TOKEN, None)]
    assert (short.status, short.code, short.found) == ("warn", "REFRESH_TOKEN_SHORT", "30 minutes")
    assert (endless.status, endless.message) == ("ok", "One was issued. It does not end by itself.")
    assert (untold.status, untold.message) == ("ok", "One was issued. The provider does not say when it ends.")


async def test_no_value_of_a_claim_is_in_the_report(world: World) -> None:
    world.idp.add_person("mallory", groups=["canary-group"], name="Canary Name", email="canary@demo.example")
    told = await told_of(world, person="mallory")
    text = msgspec.json.encode(told).decode()
    assert "groups" in text
    assert "canary" not in text.lower()


async def test_the_report_is_for_nobody_else_and_ends_after_ten_minutes(world: World) -> None:
    user_id, other = await admin(world), await admin(world)
    await dry_run(world, user_id)
    assert (await report(world, user_id)).status == "PASSED"
    assert (await report(world, other)).verdict.code == "TEST_NOT_BEGUN"
    await world.execute("update provider_test set expires_at = now() where tenant_id = $1", world.tenant.id)
    assert (await report(world, user_id)).verdict.code == "TEST_NOT_BEGUN"


async def test_until_the_provider_sends_the_browser_back_the_test_waits(world: World) -> None:
    """S0-60 and S0-61: not begun, and at the provider, told apart."""
    user_id = await admin(world)
    url = await begin_test(world.deps, world.provider, Reader(user_id), actor="user:x")
    assert (await report(world, user_id)).verdict.code == "TEST_NOT_BEGUN"
    await Browser(world.deps).launch(url)
    waiting = await report(world, user_id)
    assert (waiting.status, waiting.verdict.code) == ("WAITING", "TEST_WAITING")
    assert world.provider.redirect_url in (waiting.verdict.expected or "")


async def test_a_provider_that_is_switched_off_can_be_tested_and_not_signed_in_at(world: World) -> None:
    assert (await told_of(world, enabled=False)).status == "PASSED"
    with pytest.raises(Exception, match="no such way"):
        await world.begin(provider_slug="sso")


async def test_a_test_login_signs_nobody_in_in_another_browser_either(world: World) -> None:
    """Promise 7 holds for tests as well."""
    user_id = await admin(world)
    url = await begin_test(world.deps, world.provider, Reader(user_id), actor="user:x")
    launched = await Browser(world.deps).launch(url)
    arrival = await world.idp.sign_in(launched.location, "alice")
    with pytest.raises(LoginFailed) as refused:
        await Browser(world.deps).arrive(arrival)
    assert refused.value.code == "BROWSER_MISMATCH"


async def test_a_provider_that_is_deleted_just_then_is_not_tested(world: World) -> None:
    user_id = await admin(world)
    async with world.database.transaction() as connection:
        await provider_changes.remove(connection, world.tenant.id, world.provider.id)
        beginning = asyncio.create_task(begin_test(world.deps, world.provider, Reader(user_id), actor="user:x"))
        await blocked_or_done(world.database, beginning, connection)
    with pytest.raises(NotFound):
        await beginning


async def test_tests_have_a_pace(world: World) -> None:
    user_id = await admin(world)
    for _ in range(MAX_A_MINUTE):
        await begin_test(world.deps, world.provider, Reader(user_id), actor="user:x")
    with pytest.raises(Refused) as refused:
        await begin_test(world.deps, world.provider, Reader(user_id), actor="user:x")
    assert refused.value.code == "TOO_MANY_TESTS"
