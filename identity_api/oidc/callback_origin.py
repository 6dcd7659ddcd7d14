"""The sender of a posted callback without `iss`: the `Origin` header of the form post.

OAuth 2.0 Form Post Response Mode; Fetch section 3.2 (`Origin`); against mix-up, RFC 9700 section 4.4. The browser sets
`Origin` to the origin of the page that posted the form, and a page cannot forge it. The code may then be sent only to a
token endpoint on the same origin, or to one that the metadata document at this origin names: back to where it came from.
"""

from typing import Final
from urllib.parse import urlsplit

from identity_api.oidc.discovery import ProviderMetadata

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def origin_of(address: str) -> str | None:
    """The origin of an address as browsers write it (RFC 6454 section 6.2); None if it has none."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or not host:
        return None
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port not in (None, _DEFAULT_PORTS[parts.scheme]) else "")


def can_be_told(metadata: ProviderMetadata, document_url: str | None) -> bool:
    """Whether the origin of a form post can identify this provider, by its authorization endpoint."""
    return vouches(origin_of(metadata.authorization_endpoint), metadata, document_url)


def vouches(origin: str | None, metadata: ProviderMetadata, document_url: str | None) -> bool:
    """Whether a code that was posted from this origin may be sent to the provider's token endpoint.

    Args:
        origin: the callback's `Origin` header; `null` and None prove nothing.
        metadata: of the provider at which the login began.
        document_url: where that metadata was fetched; None if it was configured by hand.
    """
    if origin is None or origin != origin_of(metadata.authorization_endpoint):
        return False
    return origin in (origin_of(metadata.token_endpoint), origin_of(document_url or ""))
