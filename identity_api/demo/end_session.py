"""RP-Initiated Logout 1.0: where the browser is redirected after the client has ended its own session.

The demo provider has no session to end, since every sign-in shows the page. Refresh tokens stay: those with
`offline_access` outlive a logout (Back-Channel Logout 1.0 section 2.7), and the client stops using them itself.
"""

from collections.abc import Mapping
from urllib.parse import urlencode

from identity_api.demo.config import Client
from identity_api.demo.errors import UnusableRequest
from identity_api.demo.keys import SigningKeys


def logout_target(parameters: Mapping[str, str], clients: Mapping[str, Client], keys: SigningKeys) -> str | None:
    """The URL to return to, with `state` if one was sent; None to stay on a page of the demo provider.

    Raises:
        UnusableRequest: the hint is not an ID Token of this provider, names another client than `client_id`, or the
            return address is not registered for that client (section 3).
    """
    client_id = parameters.get("client_id")
    if "id_token_hint" in parameters:
        # An expired ID Token is a valid hint (section 4): only its issuer and its audience matter.
        claims = keys.claims_of(parameters["id_token_hint"])
        if claims is None:
            raise UnusableRequest("The id_token_hint is not an ID Token of this provider.")
        if client_id is not None and claims.get("aud") != client_id:
            raise UnusableRequest("The id_token_hint was issued to another client.")
        client_id = claims.get("aud")
    target = parameters.get("post_logout_redirect_uri")
    if target is None:
        return None
    client = clients.get(client_id or "")
    if client is None or target not in client.post_logout_redirect_uris:
        raise UnusableRequest("The post_logout_redirect_uri is not one of those registered for this client.")
    if "state" not in parameters:
        return target
    return f"{target}{'&' if '?' in target else '?'}{urlencode({'state': parameters['state']})}"
