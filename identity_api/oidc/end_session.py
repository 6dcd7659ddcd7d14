"""The request that ends the provider's session: RP-Initiated Logout 1.0 section 2."""

import hmac
from collections.abc import Iterable, Mapping

from identity_api.errors import BadInput
from identity_api.oidc.documents import is_visible_ascii
from identity_api.oidc.errors import InvalidParameters
from identity_api.oidc.parameters import read_parameters
from identity_api.oidc.redirects import add_query

MAX_RETURN_STATE_LENGTH = 512
RETURN_URL = "{return_url}"
MAX_EXTRA_PARAMETERS = 16
_OURS = frozenset(("id_token_hint", "client_id", "post_logout_redirect_uri", "state", "logout_hint"))


def end_session_url(
    endpoint: str,
    *,
    id_token_hint: str | None,
    client_id: str,
    post_logout_redirect_uri: str | None,
    state: str | None,
    extra: Mapping[str, str] | None = None,
) -> str:
    """The URL to send the browser to after the session here has ended.

    Args:
        endpoint: `ProviderMetadata.end_session_endpoint`.
        id_token_hint: the last ID Token, if kept. It makes the URL long; without it, `client_id` identifies the client.
        post_logout_redirect_uri: registered at the provider, or None to stay there.
        state: comes back with the redirect; only used together with it.
        extra: parameters that a provider needs beyond the specification (AWS Cognito: `logout_uri`). `{return_url}` in
            a value stands for `post_logout_redirect_uri`.

    Raises:
        InvalidMetadata: the endpoint's own query sets one of these parameters.
        BadInput: one of `extra` cannot be sent.
    """
    check_logout_parameters(extra or {})
    filled = {name: value.replace(RETURN_URL, post_logout_redirect_uri or "") for name, value in (extra or {}).items()}
    parameters = {
        "id_token_hint": id_token_hint,
        "client_id": client_id,
        "post_logout_redirect_uri": post_logout_redirect_uri,
        "state": state if post_logout_redirect_uri is not None else None,
        **filled,
    }
    return add_query(endpoint, parameters, ours=_OURS, blame="end_session_endpoint")


def check_logout_parameters(extra: Mapping[str, str]) -> None:
    """Refuse operator-set parameters of a sign-out that this service sets itself, or that cannot be sent; called when
    they are configured.

    Raises:
        BadInput: `.field` names the parameter, if one is to blame.
    """
    if len(extra) > MAX_EXTRA_PARAMETERS:
        raise BadInput("There are too many extra end-session parameters.", field="extra")
    for name, value in extra.items():
        if name.lower() in _OURS:
            raise BadInput(f"The end-session parameter {name} is set by the sign-out itself.", field=name)
        if not name or len(name) > 64 or len(value) > 1024 or not is_visible_ascii(name + value):
            raise BadInput("An end-session parameter is not short printable ASCII.", field="extra")


def is_return_of(pairs: Iterable[tuple[str, str]], state: str) -> bool:
    """Whether the browser that returns from the provider brings the `state` that was sent.

    Never raises, since there is nothing to refuse: the session here has ended in any case, and a wrong or missing state
    only means that the return is unverified (RP-Initiated Logout section 3).
    """
    try:
        found, _ = read_parameters(pairs, {"state": MAX_RETURN_STATE_LENGTH}, what="return", error=InvalidParameters)
    except InvalidParameters:
        return False
    return "state" in found and hmac.compare_digest(found["state"].encode(), state.encode("utf-8", "surrogatepass"))
