"""The URL that ends the provider's own session. RP-Initiated Logout 1.0 section 2."""

from identity_api.oidc.redirects import add_query

_OURS = frozenset(("id_token_hint", "client_id", "post_logout_redirect_uri", "state", "logout_hint"))


def end_session_url(
    endpoint: str,
    *,
    id_token_hint: str | None,
    client_id: str,
    post_logout_redirect_uri: str | None,
    state: str | None,
) -> str:
    """The URL to send the browser to after our session has ended.

    Args:
        endpoint: `ProviderMetadata.end_session_endpoint`.
        id_token_hint: the last ID Token, if kept. It fills the URL with claims; where it is not kept, `client_id` says
            who asks.
        post_logout_redirect_uri: registered at the provider, or None to stay there.
        state: comes back with the redirect; only of use together with it.

    Raises:
        InvalidMetadata: the endpoint's own query sets one of these parameters.
    """
    parameters = {
        "id_token_hint": id_token_hint,
        "client_id": client_id,
        "post_logout_redirect_uri": post_logout_redirect_uri,
        "state": state if post_logout_redirect_uri is not None else None,
    }
    return add_query(endpoint, parameters, ours=_OURS, blame="end_session_endpoint")
