"""Finish: the callback, from the browser's request to a session or a code (OIDC Core 3.1.2.5 and 3.1.3, RFC 9207; I4).

    1 match      the attempt by its state; the address, the browser, the time and the provider fit
    2 consume    exactly once, however many callbacks with the same state arrive
    3 judge      the issuer in the callback, and whether the provider refused
    4 read       code against tokens; ID Token, UserInfo, profile and groups
    5 land       account, refresh token, profile, grants and the session or code, in one transaction

A failure before step 2 leaves the attempt usable; a failure after it does not. A test login ends in step 4, with a report
instead of a session (`dry_run`).
"""

import msgspec

from identity_api.accounts.access_gate import denial
from identity_api.accounts.provisioning import Declined, Provisioned, names_of, provision
from identity_api.db import attempts, audit, frontends, locks, providers, refresh_tokens
from identity_api.db.database import Connection
from identity_api.db.providers import Provider
from identity_api.lifecycle.apply_verified import Verified, apply_verified
from identity_api.oidc.authorization import CallbackParameters, authorization_code, check_callback_issuer
from identity_api.oidc.callback_origin import vouches
from identity_api.oidc.discovery import ProviderMetadata
from identity_api.oidc.errors import CallbackIssuerMismatch, ProviderRefused
from identity_api.oidc.issuer import accepts_issuer, is_template
from identity_api.oidc.provider_error_text import words_of_username
from identity_api.relying_party.connection import document_of, line_to, metadata_of
from identity_api.relying_party.refresh_tokens import LoginTokens, keep
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.begin import SignIn
from identity_api.sessions.login.callback_name import with_callback_name
from identity_api.sessions.login.delivery import deliver, send_to_session_host
from identity_api.sessions.login.deps import CallbackRequest, LoginDeps, LoginResult
from identity_api.sessions.login.dry_run import conclude_test
from identity_api.sessions.login.failures import judging, kind_of, recorded
from identity_api.sessions.login.launch import is_one_host, leave_again
from identity_api.sessions.login.match_callback import Matched, match
from identity_api.sessions.login.provider_answer import VerifiedLogin, exchange_code, read_answer
from identity_api.sessions.logout.provider_logout import ending_hashes
from identity_api.telemetry import METRICS, get_logger

MAX_LOGOUT_HINT_LENGTH = 4_096
"""The limit of an ID Token in a logout URL; common servers refuse request lines of more than 8 KiB."""

_log = get_logger(__name__)


async def finish(deps: LoginDeps, arrival: CallbackRequest) -> LoginResult:
    """Finish a login with the provider's callback.

    Raises:
        LoginFailed: no session; see `errors` for the codes. Recorded where the tenant is known.
    """
    matched = await match(deps, arrival)
    if isinstance(matched, LoginResult):
        return matched
    attempt, provider = matched.attempt, matched.provider
    async with recorded(deps, attempt, provider, clear_cookies=(matched.binding,)):
        parameters = await _consume(deps, matched)
        with judging("PROVIDER_UNAVAILABLE"):
            line = await line_to(deps, provider, attempt.tenant_slug)
            metadata = await metadata_of(deps.documents, line)
        code = _judge(parameters, provider, metadata)
        if code is None:
            return LoginResult(kind="AGAIN", location=await leave_again(deps, attempt, line, metadata))
        await _ensure_unmistakable(deps, arrival, parameters, provider, metadata)
        exchange = await exchange_code(deps, attempt, line, metadata, code)
        if attempt.test_id is not None:
            return await conclude_test(deps, matched, exchange)
        login = with_callback_name(await read_answer(deps, attempt, exchange), provider, arrival.pairs)
        finished = await _land(deps, matched, login, arrival)
    METRICS.count_login("OK", kind_of(provider))
    return finished


async def _consume(deps: LoginDeps, matched: Matched) -> CallbackParameters:
    """Use the attempt up. Of several parallel callbacks, only one succeeds."""
    async with deps.database.writing() as connection:
        is_first = await attempts.consume(connection, matched.attempt.tenant_id, matched.attempt.id)
    if not is_first:
        raise LoginFailed("LOGIN_USED")
    if matched.parameters is None:
        raise LoginFailed("CALLBACK_INVALID", reason=matched.fault.blame if matched.fault else None)
    return matched.parameters


def _judge(parameters: CallbackParameters, provider: Provider, metadata: ProviderMetadata) -> str | None:
    """The code, if the callback comes from this provider (RFC 9207 section 2.4) and is not an error.

    None if the only fault is that the pushed request had expired before the browser arrived.
    """
    try:
        announced, directories = metadata.authorization_response_issuer_announced, provider.claims.directories
        check_callback_issuer(parameters, metadata.issuer, announced, frozenset(directories))
        return authorization_code(parameters)
    except CallbackIssuerMismatch as error:
        raise LoginFailed("ISSUER_MISMATCH", reason="iss_differs" if parameters.issuer else "iss_missing") from error
    except ProviderRefused as error:
        if error.error == "invalid_request_uri" and metadata.pushed_authorization_request_endpoint is not None:
            return None
        raise LoginFailed("PROVIDER_REFUSED", reason=error.error, said=error.said) from error


async def _ensure_unmistakable(
    deps: LoginDeps,
    arrival: CallbackRequest,
    parameters: CallbackParameters,
    provider: Provider,
    metadata: ProviderMetadata,
) -> None:
    """A callback must identify its provider, or arrive at a redirect URL of this provider alone (RFC 9700 section 4.4).

    It is identified by `iss` or by the `Origin` of its form post; otherwise only the operator's named exception accepts
    it. The client secret and PKCE do not prevent the attack: the operator of another provider there begins a login,
    sends the victim through the honest provider with the challenge and nonce of that login, gets the code from this
    service, and completes the login.
    """
    if parameters.issuer is not None or provider.client_settings.accept_without_iss:
        return
    if vouches(arrival.posted_from, metadata, document_of(provider)):
        return
    async with deps.database.reading() as connection:
        if await providers.shares_place(connection, provider):
            posted = "shared_redirect_url" if arrival.posted_from is None else "posted_from_elsewhere"
            raise LoginFailed("ISSUER_MISMATCH", reason=posted)


async def _land(deps: LoginDeps, matched: Matched, login: VerifiedLogin, arrival: CallbackRequest) -> LoginResult:
    """Write everything, in one transaction. A refusal commits too, since it may have quarantined an identity."""
    provider = matched.provider
    async with deps.database.transaction() as connection:
        await _ensure_unmoved(connection, matched, login)
        actor, invitation_id = f"provider:{provider.id}", matched.attempt.invitation_id
        account = await provision(connection, provider, login.person, actor=actor, invitation_id=invitation_id)
        if isinstance(account, Provisioned):
            if denied := await denial(connection, provider, account, login.groups):
                # Raised inside the transaction, so that no account of a person without permissions remains.
                raise LoginFailed("NO_ACCESS", status=403, reason=denied)
            return await _land_account(connection, deps, matched, login, account, arrival)
    assert isinstance(account, Declined)
    said = None if account.name is None else words_of_username(account.name)
    raise LoginFailed(account.code, status=403, reason=account.detail, said=said)


async def _ensure_unmoved(connection: Connection, matched: Matched, login: VerifiedLogin) -> None:
    """Check that nothing happened since the request that must win, and lock what it would change until the commit.

    A logout by the provider that came meanwhile wins. The provider has not moved: otherwise a refresh token of the old
    address could be stored just after the move ended all others, and the next sync would send it to the new address. And
    the person's directory is still one of the provider's.
    """
    asked, begun_at, person = matched.provider, matched.attempt.launched_at, login.person
    if not await frontends.hold(connection, asked.tenant_id, matched.attempt.frontend_id):
        raise LoginFailed("STATE_UNKNOWN")  # as its callback is told a moment later
    ended_by = ending_hashes(person.issuer, person.subject, login.provider_session)
    await locks.login(connection, asked.tenant_id, asked.id, ended_by, names_of(asked, person))
    current, was_ended = await providers.hold_for_login(connection, asked.tenant_id, asked.id, ended_by, begun_at)
    if was_ended:
        raise LoginFailed("LOGIN_ENDED", status=403, reason="logout_token")
    if current is None or current.place != asked.place:
        raise LoginFailed("PROVIDER_DISABLED", status=403, reason="changed")
    is_listed = accepts_issuer(current.issuer, person.issuer, frozenset(current.claims.directories))
    if is_template(current.issuer) and asked.protocol == "oidc" and not is_listed:
        raise LoginFailed("ISSUER_MISMATCH", reason="directory_removed")


async def _land_account(
    connection: Connection,
    deps: LoginDeps,
    matched: Matched,
    login: VerifiedLogin,
    account: Provisioned,
    arrival: CallbackRequest,
) -> LoginResult:
    attempt, provider, tenant_id = matched.attempt, matched.provider, matched.attempt.tenant_id
    actor = f"provider:{provider.id}"
    token = _token_to_keep(matched, login)
    has_token = token is not None
    can_be_asked = has_token or await refresh_tokens.newest_live(connection, tenant_id, account.identity_id) is not None
    verified = Verified(account.identity_id, login.person.profile, login.groups, None, can_be_asked)
    await apply_verified(
        connection, tenant_id, provider, [verified], is_login=True, actor=actor, limits=deps.database.limits
    )
    if token is not None:  # now, because any doubt is about the tokens of the logins before
        await keep(connection, deps.vault, tenant_id, account.identity_id, token)
    sign_in = SignIn(
        user_id=account.user_id,
        identity_id=account.identity_id,
        provider_session=login.provider_session,
        id_token=_logout_hint(login),
        authenticated_at=login.authenticated_at,
    )
    payload = {
        "user": str(account.user_id),
        "identity": str(account.identity_id),
        "provider": str(provider.id),
        "groups": login.groups.completeness.value,
        "refresh_token": has_token,
        **_remarks(login),
    }
    event = audit.Event("login.succeeded", "login_attempt", attempt.id, payload, actor=actor)
    if is_one_host(attempt):
        finished = await deliver(connection, deps, attempt, sign_in, arrival.cookies, also=[event])
    else:
        finished = await send_to_session_host(connection, deps, attempt, sign_in, also=[event])
    await attempts.set_outcome(connection, tenant_id, attempt.id, "OK")
    return msgspec.structs.replace(finished, clear_cookies=(matched.binding,))


def _remarks(login: VerifiedLogin) -> dict[str, list[str]]:
    """How claims of an unusual shape were read, and where: codes, places and counts. Empty if there were none."""
    found = (*login.person.profile.diagnostics, *login.groups.diagnostics)
    remarks = sorted({str(one) for one in found if one.code != "ABSENT"})
    return {"remarks": remarks} if remarks else {}


def _logout_hint(login: VerifiedLogin) -> bytes | None:
    """The ID Token, kept only if it is of use: as a hint to the provider's end-session endpoint."""
    exchange = login.told.exchange
    token = exchange.tokens.id_token
    if token is None or exchange.metadata.end_session_endpoint is None or len(token) > MAX_LOGOUT_HINT_LENGTH:
        return None
    return token.encode()


def _token_to_keep(matched: Matched, login: VerifiedLogin) -> LoginTokens | None:
    """The token for the sync, if there is one: the refresh token, or the access token if the profile is read with that."""
    provider, exchange = matched.provider, login.told.exchange
    kept = {"REFRESH_TOKEN": exchange.tokens.refresh_token, "ACCESS_TOKEN": exchange.tokens.access_token}
    token = kept.get(provider.sync)
    if token is None:
        if provider.sync == "REFRESH_TOKEN":
            # Always logged: without one, permissions of this login end with its lease.
            _log.warning("login.no_refresh_token", tenant_id=str(provider.tenant_id), provider_id=str(provider.id))
        return None
    return LoginTokens(
        refresh_token=token,
        nonce_hash=matched.attempt.nonce_hash,
        auth_time=login.auth_time,
        login_key=exchange.login_key.jwk if exchange.login_key else None,
        is_access_token=provider.sync == "ACCESS_TOKEN",
        client_id=provider.client_id,
        anchored_by=tuple(provider.claims.anchor),
    )
