"""A login initiated by a third party: the provider's portal, or any page. OIDC Core 4.

Anybody can send a browser here, so the request only proposes a login. The caller starts an ordinary one (with its own
state, nonce and PKCE) at a provider with exactly this issuer, and goes to `target_link_uri` only if that is an allowed
return address.
"""

from collections.abc import Iterable

import msgspec

from identity_api.oidc.documents import MAX_URL_LENGTH, DocumentError, check_url
from identity_api.oidc.errors import InvalidParameters
from identity_api.oidc.parameters import read_parameters

MAX_LOGIN_HINT_LENGTH = 320
"""An e-mail address has at most 254 characters; a telephone number or a name has fewer."""

_LIMITS = {"iss": MAX_URL_LENGTH, "login_hint": MAX_LOGIN_HINT_LENGTH, "target_link_uri": MAX_URL_LENGTH}


class InitiatedLogin(msgspec.Struct, frozen=True, kw_only=True):
    """A proposed login. `target_link_uri` is a well-formed URL, and must NOT be redirected to before it is found
    registered.
    """

    issuer: str
    login_hint: str | None = None
    target_link_uri: str | None = None

    def __repr__(self) -> str:
        return f"InitiatedLogin(issuer={self.issuer!r})"


def parse_initiated_login(pairs: Iterable[tuple[str, str]]) -> InitiatedLogin:
    """Read the parameters, decoded, from the query or from a form post; both must be supported (Core 4).

    Raises:
        InvalidParameters: `iss` is missing; a parameter is repeated, empty, too long or unprintable; `iss` or
            `target_link_uri` is not an absolute http(s) URL. `.claim` names it.
    """
    found, _ = read_parameters(pairs, _LIMITS, what="request to log in", error=InvalidParameters)
    if "iss" not in found:
        raise InvalidParameters("The request to log in has no `iss`.", claim="iss")
    _check(found, "iss", allow_query=False)
    _check(found, "target_link_uri", allow_query=True)
    return InitiatedLogin(
        issuer=found["iss"], login_hint=found.get("login_hint"), target_link_uri=found.get("target_link_uri")
    )


def _check(found: dict[str, str], name: str, *, allow_query: bool) -> None:
    if name not in found:
        return
    try:
        check_url(found[name], allow_query=allow_query)
    except DocumentError as error:
        raise InvalidParameters(f"The request to log in has an unusable {name}.", claim=name) from error
