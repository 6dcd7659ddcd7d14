"""Test without a browser whether the authorization endpoint accepts the client and the redirect URL.

A provider that does not know the redirect URL must not redirect (RFC 6749 section 4.1.2.1): it shows a page. The content of
the page is not standard, so only its status is read, and Entra's numbers; a redirect to the callback is standard.
"""

import asyncio
import re
from typing import Final
from urllib.parse import parse_qs, urlsplit

import msgspec

from identity_api.db.providers import Provider
from identity_api.diagnostics.findings import Finding, fail, ok, shown_url, skipped
from identity_api.errors import BadInput
from identity_api.oidc.authorization import KNOWN_ERRORS, OTHER_ERROR
from identity_api.oidc.discovery import ProviderMetadata
from identity_api.oidc.errors import InvalidMetadata, PushedRequestError, PushedRequestRefused
from identity_api.oidc.messages import Answer, Request
from identity_api.providers.self_test.probe import Probe, unreached
from identity_api.relying_party.authorization_request import authentication_request, pushed, pushes
from identity_api.relying_party.client import ProviderClient
from identity_api.relying_party.requests import Carrying
from identity_api.upstream.errors import UpstreamError

STEP: Final = "redirect URL"

_ENTRA: Final = re.compile(rb"AADSTS(\d{5,8})")
_ENTRA_REDIRECT: Final = frozenset({b"50011", b"500113"})
_DEMANDS_PERSON: Final = frozenset(
    {"login_required", "interaction_required", "consent_required", "account_selection_required", "access_denied"}
)


NOT_REGISTERED: Final = "/not-registered-selftest"
"""Makes the redirect URL one that nobody registered."""


class Opened(msgspec.Struct, frozen=True):
    """The page that a login opens, and the same with a redirect URL that is surely not registered; or why there is none."""

    page: Answer | Finding
    control: Answer | Finding


async def open_pages(
    probe: Probe, carrier: Carrying, client: ProviderClient | None, provider: Provider, metadata: ProviderMetadata
) -> Opened:
    """Open both, as `open_page` does. Where the two look alike, the page says nothing of the redirect URL."""
    page, control = await asyncio.gather(
        open_page(probe, carrier, client, provider, metadata),
        open_page(probe, carrier, client, _unregistered(provider), metadata),
    )
    return Opened(page, control)


def _unregistered(provider: Provider) -> Provider:
    return msgspec.structs.replace(provider, redirect_url=provider.redirect_url.rstrip("/") + NOT_REGISTERED)


async def open_page(
    probe: Probe, carrier: Carrying, client: ProviderClient | None, provider: Provider, metadata: ProviderMetadata
) -> Answer | Finding:
    """Open the page that a login opens, and follow nothing; a finding if that was not possible.

    Args:
        probe: opens the page.
        carrier: pushes the request, where the provider takes it so.
        client: who pushes it; None if we cannot prove who we are.
        provider: as it is configured.
        metadata: the provider's.
    """
    try:
        asked = authentication_request(provider, metadata, redirect_url=provider.redirect_url)
        if pushes(metadata):
            if client is None:
                return _by_eye(provider, "Requests are pushed at this provider, and the client cannot push one.")
            asked = await pushed(carrier, client, metadata, asked, deadline=probe.deadline_seconds)
        return await probe.send(Request(method="GET", url=asked.location, headers={"accept": "text/html"}))
    except (BadInput, InvalidMetadata) as error:
        return fail(STEP, "REQUEST_NOT_POSSIBLE", error.message)
    except PushedRequestError as error:
        return _not_pushed(provider, error)
    except UpstreamError as error:
        return unreached(STEP, "the authorization endpoint", error)


def _not_pushed(provider: Provider, error: PushedRequestError) -> Finding:
    if error.error == "invalid_client" or error.status == 401:
        return _by_eye(provider, "The provider does not know the client, and so takes no request of it.")
    if isinstance(error, PushedRequestRefused):
        message = f"The provider refuses the pushed authorization request with {error.error or 'no error code'}."
        return fail(STEP, "AUTHORIZATION_REFUSED", message, expected=provider.redirect_url, found=error.error)
    return fail(STEP, error.code, error.message)


def judge_pages(opened: Opened, provider: Provider, metadata: ProviderMetadata, *, client_is_known: bool) -> Finding:
    """What the answers say of client and redirect URL.

    Many providers let people sign in first and look at the redirect URL afterwards: then a page is no proof.

    Args:
        opened: from `open_pages`.
        provider, metadata, client_is_known: as for `judge_page`.
    """
    judged = judge_page(opened.page, provider, metadata, client_is_known=client_is_known)
    if judged.status != "ok":
        return judged
    control = judge_page(opened.control, _unregistered(provider), metadata, client_is_known=client_is_known)
    if control.status == "ok":
        return _by_eye(
            provider, "The provider opens its sign-in page for any redirect URL, so that this was not tested."
        )
    return judged


def judge_page(
    opened: Answer | Finding, provider: Provider, metadata: ProviderMetadata, *, client_is_known: bool
) -> Finding:
    """What one answer says of client and redirect URL.

    Args:
        opened: from `open_page`.
        provider: as it is configured.
        metadata: the provider's.
        client_is_known: the token endpoint accepted the client, so that a refusal here is the redirect URL's.
    """
    if isinstance(opened, Finding):
        return opened
    if 300 <= opened.status < 400:
        return _judge_redirect(opened, provider)
    return _judge_page(opened, provider, metadata, client_is_known=client_is_known)


def _judge_redirect(answer: Answer, provider: Provider) -> Finding:
    location = answer.headers.get("location", "")
    try:
        target, ours = urlsplit(location), urlsplit(provider.redirect_url)
        said = parse_qs(target.query, max_num_fields=100)
    except ValueError:
        return _by_eye(provider, "The authorization endpoint redirects to an address that cannot be read.")
    error = said.get("error", [None])[0]
    if (target.scheme, target.netloc, target.path) != (ours.scheme, ours.netloc, ours.path):
        # Google leads to a page of its own, `/signin/oauth/error`.
        if error is not None or "authError" in said or target.path.endswith("/error"):
            return _refused(provider, "The authorization endpoint leads to an error page of the provider.", known=True)
        return ok(STEP, "The authorization endpoint leads on to a sign-in page.")
    if error is None or error in _DEMANDS_PERSON:
        return ok(STEP, "The provider knows the redirect URL.")
    code = error if error in KNOWN_ERRORS else OTHER_ERROR
    message = f"The provider knows the redirect URL, and refuses the request with {code}."
    return fail(STEP, "AUTHORIZATION_REFUSED", message, found=code)


def _judge_page(answer: Answer, provider: Provider, metadata: ProviderMetadata, *, client_is_known: bool) -> Finding:
    entra = _ENTRA.search(answer.body)
    if entra is not None:
        number = f"AADSTS{entra[1].decode()}"
        if entra[1] in _ENTRA_REDIRECT:
            return _refused(provider, f"The provider shows {number}: it does not know the redirect URL.", known=True)
        message = f"The provider shows the error {number} instead of a sign-in page."
        return fail(STEP, "AUTHORIZATION_REFUSED", message, found=number)
    if 200 <= answer.status < 300:
        return ok(STEP, "The authorization endpoint shows a page, and no error that a program could recognise.")
    if answer.status in (404, 410) or answer.status >= 500:
        message = f"The authorization endpoint answers with status {answer.status}."
        place = shown_url(metadata.authorization_endpoint)
        return fail(STEP, "AUTHORIZATION_ENDPOINT_STATUS", message, found=place)
    if answer.status == 400:
        message = "The authorization endpoint shows an error page (status 400) instead of a sign-in page."
        return _refused(provider, message, known=client_is_known)
    return _by_eye(provider, f"The authorization endpoint refuses programs (status {answer.status}).")


def _refused(provider: Provider, message: str, *, known: bool) -> Finding:
    if known:
        text = f"{message} The redirect URL is not registered there, or differs in some character."
        return fail(STEP, "REDIRECT_URI_REFUSED", text, expected=provider.redirect_url)
    text = f"{message} The client ID is not known there, or the redirect URL is not registered."
    return fail(STEP, "AUTHORIZATION_PAGE_REFUSED", text, expected=f"{provider.client_id}, {provider.redirect_url}")


def _by_eye(provider: Provider, message: str) -> Finding:
    text = f"{message} Compare by eye that exactly this redirect URL is registered."
    return skipped(STEP, "REDIRECT_URI_NOT_TOLD", text, expected=provider.redirect_url)
