"""The request by which a provider ends a session through the browser: Front-Channel Logout 1.0 section 3."""

from collections.abc import Iterable

import msgspec

from identity_api.oidc.documents import MAX_URL_LENGTH
from identity_api.oidc.errors import InvalidParameters
from identity_api.oidc.logout_token import MAX_SESSION_ID_LENGTH, _required
from identity_api.oidc.parameters import read_parameters


class FrontChannelLogout(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a front-channel logout. Anybody can write it: compare both with this browser's own session."""

    issuer: str
    session_id: str

    def __repr__(self) -> str:
        return f"FrontChannelLogout(issuer={self.issuer!r})"


def parse_frontchannel_logout(pairs: Iterable[tuple[str, str]]) -> FrontChannelLogout:
    """Read the parameters of a front-channel logout (Front-Channel Logout section 3).

    Both are required here, though the specification lets a provider leave out both: a request that names no session
    could be made by any page, to sign a person out. Register with `frontchannel_logout_session_required`.

    Raises:
        InvalidParameters: `iss` or `sid` is missing, repeated, or unusable; `.claim` names it.
    """
    limits = {"iss": MAX_URL_LENGTH, "sid": MAX_SESSION_ID_LENGTH}
    found, _ = read_parameters(pairs, limits, what="logout request", error=InvalidParameters)
    return FrontChannelLogout(issuer=_required(found, "iss"), session_id=_required(found, "sid"))
