"""Launch: bind a prepared login to the browser that opens it, and redirect that browser to the provider.

The handle is used up here. After somebody has opened a handle, nobody else can. If an attacker prepares a login and makes a
victim open the handle, the login is bound to the victim's browser and ends as the victim's own.

If the provider's redirect URL is on another host than the session, the browser is bound on both: it is redirected once
over that host with a second handle. The callback then checks the one binding, `complete` the other.
"""

from urllib.parse import urlsplit

from identity_api.db import attempts, providers
from identity_api.db.attempts import Attempt, Departure, Handle, Stage
from identity_api.db.providers import Provider
from identity_api.ids import new_tenant_token, new_token, token_hash, token_key
from identity_api.oidc.authorization import FORM_POST
from identity_api.oidc.callback_origin import can_be_told
from identity_api.oidc.discovery import ProviderMetadata
from identity_api.oidc.id_token import nonce_hash
from identity_api.relying_party.authorization_request import (
    AuthenticationRequest,
    authentication_request,
    pushed,
    pushes,
)
from identity_api.relying_party.client import open_client
from identity_api.relying_party.connection import ProviderConnection, document_of, line_to, metadata_of
from identity_api.sessions.cookies import binding_cookie, host_of, superfluous_bindings
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.deps import AuthorizationRedirect, BrowserRequest, Cookie, LoginDeps
from identity_api.sessions.login.failures import count, judging, recorded
from identity_api.sessions.login.prepare import LAUNCH_PATH
from identity_api.telemetry import get_logger

PUSH_SECONDS = 5.0

_log = get_logger(__name__)


async def launch(deps: LoginDeps, handle: str, request: BrowserRequest) -> AuthorizationRedirect:
    """Use the handle up, bind the login to this browser on this host, and return where the browser goes next.

    Raises:
        LoginFailed: HANDLE_UNKNOWN, LOGIN_USED, LOGIN_EXPIRED, PROVIDER_DISABLED; PROVIDER_UNAVAILABLE (503),
            PROVIDER_TIMED_OUT or PROVIDER_MISCONFIGURED, after which the same handle works again while it lasts.
    """
    async with deps.database.reading() as connection:
        found = await attempts.by_handle(connection, *token_key(handle))
    if found is None:
        failure = LoginFailed("HANDLE_UNKNOWN")
        count(failure)
        raise failure
    provider = found.provider
    async with recorded(deps, found.attempt, provider):
        _check(found, provider, request)
        if found.stage == "SESSION_HOST" and not is_one_host(found.attempt):
            return await _hop(deps, found, request)
        with judging("PROVIDER_UNAVAILABLE", unavailable_status=503):
            line = await line_to(deps, provider, found.attempt.tenant_slug)
            metadata = await metadata_of(deps.documents, line)
        return await _leave(deps, found, line, metadata, request)


def is_one_host(attempt: Attempt) -> bool:
    """Whether the callback arrives on the host that holds the session. Ports are ignored, as cookies ignore them."""
    return host_of(attempt.redirect_url) == host_of(attempt.session_origin)


def callback_origin(attempt: Attempt) -> str:
    """The origin whose cookies the browser sends with a callback."""
    if is_one_host(attempt):
        return attempt.session_origin
    parts = urlsplit(attempt.redirect_url)
    return f"{parts.scheme}://{parts.netloc}"


def ensure_current(attempt: Attempt, provider: Provider) -> None:
    """Check that the provider is enabled and unchanged since the login began; otherwise its answers are not for this
    login.
    """
    if not provider.enabled and attempt.test_id is None:  # a provider is tested before it is enabled
        raise LoginFailed("PROVIDER_DISABLED", status=403)
    if (provider.issuer, provider.redirect_url) != (attempt.issuer, attempt.redirect_url):
        raise LoginFailed("PROVIDER_DISABLED", status=403, reason="changed")


def _check(found: Handle, provider: Provider, request: BrowserRequest) -> None:
    attempt = found.attempt
    origin = attempt.session_origin if found.stage == "SESSION_HOST" else callback_origin(attempt)
    if host_of(request.host) != host_of(origin):
        raise LoginFailed("HANDLE_UNKNOWN", reason="other_host")
    ensure_current(attempt, provider)
    if found.is_used or attempt.consumed_at is not None:
        raise LoginFailed("LOGIN_USED", reason="handle")
    if found.is_expired or attempt.is_expired:
        raise LoginFailed("LOGIN_EXPIRED", reason="handle")


async def _hop(deps: LoginDeps, found: Handle, request: BrowserRequest) -> AuthorizationRedirect:
    """Bind the browser here, and redirect it to the callback's host."""
    attempt, binding = found.attempt, new_token("bi")
    second = new_tenant_token("ha", attempt.tenant_id)
    async with deps.database.writing() as connection:
        is_first = await attempts.hop(
            connection,
            found,
            binding_hash=token_hash(binding),
            handle_hash=token_hash(second),
            handle_seconds=deps.limits.handle_seconds,
        )
    if not is_first:
        raise LoginFailed("LOGIN_USED", reason="handle")
    location = f"{callback_origin(attempt)}{LAUNCH_PATH}{second}"
    # Lax also where the provider posts a form: that arrives on the other host, and `complete` is reached by GET.
    cookie = binding_cookie(
        attempt.session_origin,
        attempt.id,
        binding,
        max_age_seconds=deps.limits.attempt_seconds,
        form_post=False,
    )
    return _launched(location, cookie, request)


async def _leave(
    deps: LoginDeps, found: Handle, line: ProviderConnection, metadata: ProviderMetadata, request: BrowserRequest
) -> AuthorizationRedirect:
    """Bind here, and go to the provider with fresh state, nonce and code verifier."""
    attempt, binding = found.attempt, new_token("bi")
    asked = await _ask(deps, attempt, line, metadata)
    stages: tuple[Stage, ...] = ("SESSION_HOST", "CALLBACK_HOST") if is_one_host(attempt) else ("CALLBACK_HOST",)
    departure = _departure(deps, attempt, asked)
    async with deps.database.writing() as connection:
        is_first = await attempts.leave(connection, found, departure, binding_hash=token_hash(binding), stages=stages)
    if not is_first:
        raise LoginFailed("LOGIN_USED", reason="handle")
    cookie = binding_cookie(
        callback_origin(attempt),
        attempt.id,
        binding,
        max_age_seconds=deps.limits.attempt_seconds,
        form_post=asked.response_mode == FORM_POST,
    )
    return _launched(asked.location, cookie, request)


async def leave_again(deps: LoginDeps, attempt: Attempt, line: ProviderConnection, metadata: ProviderMetadata) -> str:
    """Redirect an attempt once more, if the provider no longer knew its pushed request (RFC 9126).

    The first redirect had no result, so the attempt is used again, once, in the same browser and with fresh secrets.

    Raises:
        LoginFailed: PROVIDER_REFUSED, if this was the second time; or as `launch`.
    """
    asked = await _ask(deps, attempt, line, metadata)
    async with deps.database.writing() as connection:
        is_first = await attempts.leave_again(connection, attempt, _departure(deps, attempt, asked))
    if not is_first:
        raise LoginFailed("PROVIDER_REFUSED", reason="invalid_request_uri")
    _log.info("login.pushed_again", provider_id=str(attempt.provider_id), attempt_id=str(attempt.id))
    return asked.location


async def _ask(
    deps: LoginDeps, attempt: Attempt, line: ProviderConnection, metadata: ProviderMetadata
) -> AuthenticationRequest:
    """The request, pushed if the provider supports it. Outside a transaction, since the provider is called."""
    form_post = await _needs_form_post(deps, line.provider, metadata)
    with judging("PROVIDER_MISCONFIGURED", unavailable_status=503):
        asked = authentication_request(
            line.provider,
            metadata,
            redirect_url=attempt.redirect_url,
            login_hint=attempt.login_hint,
            reauthentication=attempt.reauthentication,
            form_post=form_post,
        )
        if not pushes(metadata):
            return asked
        client = open_client(deps.vault, deps.memory, line, metadata)
        return await pushed(deps, client, metadata, asked, deadline=PUSH_SECONDS)


async def _needs_form_post(deps: LoginDeps, provider: Provider, metadata: ProviderMetadata) -> bool:
    """Whether the answer must be posted to identify its provider: at a shared redirect URL `finish` refuses an answer
    that does not.
    """
    if metadata.authorization_response_issuer_announced or provider.client_settings.accept_without_iss:
        return False
    if FORM_POST not in metadata.response_modes or not can_be_told(metadata, document_of(provider)):
        return False
    async with deps.database.reading() as connection:
        return await providers.shares_place(connection, provider)


def _departure(deps: LoginDeps, attempt: Attempt, asked: AuthenticationRequest) -> Departure:
    sealed = deps.vault.seal(
        asked.code_verifier.encode(),
        tenant_id=attempt.tenant_id,
        table="login_attempt",
        column="code_verifier_sealed",
        row_id=attempt.id,
    )
    return Departure(
        state_hash=token_hash(asked.state),
        nonce_hash=nonce_hash(asked.nonce) if asked.nonce is not None else None,
        code_verifier_sealed=sealed,
    )


def _launched(location: str, cookie: Cookie, request: BrowserRequest) -> AuthorizationRedirect:
    others = [name for name in request.cookies if name != cookie.name]
    return AuthorizationRedirect(location=location, set_cookies=(cookie,), clear_cookies=superfluous_bindings(others))
