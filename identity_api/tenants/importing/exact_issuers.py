"""Compare imported issuers with the providers' metadata documents (Discovery 4.3).

Issuers are compared character by character, and an address in a form may lack a closing slash or another detail of the
vendor. The metadata document has the exact issuer. It is fetched from the address that the operator wrote, over TLS; the
issuer in it is reported to the operator, and checked again at each login.
"""

import asyncio
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec

from identity_api.errors import ConfigurationError
from identity_api.oidc.discovery import configuration_url
from identity_api.oidc.documents import DocumentError, check_url, read_json_object
from identity_api.oidc.issuer import spelled_otherwise
from identity_api.oidc.messages import Request
from identity_api.providers.declaration import ProviderDeclaration
from identity_api.tenants.declaration import TenantDeclaration
from identity_api.tenants.importing.form import Guess, Imported, Stated
from identity_api.upstream.errors import UpstreamError
from identity_api.upstream.exchange import Upstream

Answered = str | UpstreamError | DocumentError
SECONDS = 10.0
AT_ONCE = 16
NONE: Final[Mapping[tuple[str, str, str], str]] = MappingProxyType({})


Known = Mapping[tuple[str, str, str], str]
"""The stored issuer of a (tenant, provider, address of its document)."""


async def compare_stated(upstream: Upstream, imported: Imported) -> list[str]:
    """Compare the issuers that the form gives with the documents: a notice for each that is not the provider's.

    A document that cannot be fetched gives no notice.

    Raises:
        ConfigurationError: an issuer is spelled differently from the document, so no login could succeed.
    """
    slots = asyncio.Semaphore(AT_ONCE)

    async def asked(stated: Stated) -> Answered:
        provider = _provider_of(imported.tenants, stated)
        async with slots:
            return await _named_at(
                upstream, provider.discovery_url or configuration_url(provider.issuer), stated.tenant
            )

    answers = await asyncio.gather(*[asked(stated) for stated in imported.stated])
    problems, notices = [], []
    for stated, answer in zip(imported.stated, answers, strict=True):
        issuer = _provider_of(imported.tenants, stated).issuer
        if not isinstance(answer, str) or answer == issuer:
            continue
        if spelling := spelled_otherwise(issuer, answer):
            problems.append(
                f"{stated.key}: is {issuer}, and the provider's document says {answer}: {spelling}. Enter {answer}."
            )
        else:
            notices.append(f"{stated.key}: is {issuer}, and the document there says {answer}; nobody can sign in so.")
    if problems:
        raise ConfigurationError(problems)
    return notices


async def with_exact_issuers(upstream: Upstream | None, imported: Imported, known: Known = NONE) -> Imported:
    """The import with the issuers that the documents name, each with a notice.

    If a document cannot be fetched, a provider that is stored with this address stays unchanged: a provider that is
    down must not look as if it had moved, which would end every login there.

    Args:
        upstream: fetches the documents; None to keep every guess.
        imported: with `guesses`.
        known: the results of an earlier import.

    Raises:
        ConfigurationError: a document cannot be read, and its address gives no hint of the issuer; or an issuer that
            the form gives is spelled differently from its document.
    """
    slots = asyncio.Semaphore(AT_ONCE)

    async def asked(guess: Guess) -> Answered | None:
        if upstream is None:
            return None
        async with slots:
            return await _named_at(upstream, _address(imported.tenants, guess), guess.tenant)

    answers = await asyncio.gather(*[asked(guess) for guess in imported.guesses])
    stored = [known.get((one.tenant, one.provider, _address(imported.tenants, one))) for one in imported.guesses]
    compared = [] if upstream is None else await compare_stated(upstream, imported)
    exact = {
        (guess.tenant, guess.provider): issuer
        for guess, answer, kept in zip(imported.guesses, answers, stored, strict=True)
        if (issuer := answer if isinstance(answer, str) else kept) is not None
    }
    problems = [
        f"{guess.key}: the issuer cannot be read off this address, and the document could not be fetched{_why(answer)}."
        " Say it as `issuer`."
        for guess, answer, kept in zip(imported.guesses, answers, stored, strict=True)
        if guess.is_unlikely and not isinstance(answer, str) and kept is None
    ]
    if problems:
        raise ConfigurationError(problems)
    notices = [
        _notice(imported.tenants, guess, answer, kept)
        for guess, answer, kept in zip(imported.guesses, answers, stored, strict=True)
    ]
    return msgspec.structs.replace(
        imported,
        tenants=_replaced(imported.tenants, exact),
        notices=[*imported.notices, *notices, *compared],
        guesses=(),
    )


async def _named_at(upstream: Upstream, address: str, tenant: str) -> Answered:
    request = Request(method="GET", url=address, headers={"accept": "application/json"})
    try:
        answer = await upstream.exchange(request, deadline=SECONDS, tenant=tenant)
        return check_url(read_json_object(answer.body).get("issuer"), allow_query=False)
    except (UpstreamError, DocumentError) as error:
        return error


def _why(answer: Answered | None) -> str:
    if isinstance(answer, UpstreamError):
        return f" ({answer.code})"
    return "" if answer is None else " (it names none)"


def _notice(tenants: Sequence[TenantDeclaration], guess: Guess, answer: Answered | None, kept: str | None) -> str:
    if isinstance(answer, str):
        return f"{guess.key}: the issuer is {answer}, as the document at this address says."
    if kept is not None:
        return f"{guess.key}: the issuer stays {kept}; the document could not be fetched{_why(answer)}."
    issuer = _provider_of(tenants, guess).issuer
    return (
        f"{guess.key}: the issuer is taken to be {issuer}; the document could not be fetched{_why(answer)}, and must name exactly"
        " this one. `issuer` in the form says another."
    )


def _address(tenants: Sequence[TenantDeclaration], guess: Guess) -> str:
    return _provider_of(tenants, guess).discovery_url or ""


def _provider_of(tenants: Sequence[TenantDeclaration], guess: Guess | Stated) -> ProviderDeclaration:
    [found] = [
        provider
        for tenant in tenants
        if tenant.slug == guess.tenant
        for provider in tenant.providers
        if provider.slug == guess.provider
    ]
    return found


def _replaced(tenants: Sequence[TenantDeclaration], exact: dict[tuple[str, str], str]) -> list[TenantDeclaration]:
    return [
        msgspec.structs.replace(
            tenant,
            providers=tuple(
                [
                    msgspec.structs.replace(one, issuer=exact.get((tenant.slug, one.slug), one.issuer))
                    for one in tenant.providers
                ]
            ),
        )
        for tenant in tenants
    ]
