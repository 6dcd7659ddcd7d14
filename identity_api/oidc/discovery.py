"""The provider metadata document: its address and its members.

OpenID Connect Discovery 1.0 sections 3 and 4, RFC 8414, RFC 8705 section 5, RFC 9207 section 3. `upstream` fetches it, and
decides whether an address may be contacted at all.

Decision: an unusable optional member counts as absent, and is named in `ignored` for the self-test. Context: real
documents have `"require_pushed_authorization_requests": "true"` or an empty end-session address, and a login needs
neither. Consequences: only the issuer, three endpoints and the code flow can make a document unusable. The one exception
is in `_flag`: an unusable value counts as true if it adds a check.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from identity_api.oidc.documents import DocumentError, check_url, read_json_object
from identity_api.oidc.errors import InvalidMetadata, IssuerMismatch
from identity_api.oidc.issuer import ENTRA_COLLECTIVES, TENANT_PLACEHOLDER, is_template

WELL_KNOWN_PATH = "/.well-known/openid-configuration"
MAX_METADATA_BYTES = 256 * 1024
MAX_LIST_ITEMS = 1000
MAX_ITEM_LENGTH = 1024


class ProviderMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """The members that are used, checked. A list that the provider does not announce has its specified default, or is
    empty.

    `issuer` is as the provider writes it, and may be Entra's template (see `issuer`). `mtls_endpoint_aliases` are by member
    name, None for one that cannot be used; `with_mtls_aliases` puts them in their places.
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    end_session_endpoint: str | None = None
    pushed_authorization_request_endpoint: str | None = None
    id_token_algorithms: tuple[str, ...] = ("RS256",)
    token_endpoint_auth_methods: tuple[str, ...] = ("client_secret_basic",)
    code_challenge_methods: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    response_types: tuple[str, ...] = ("code",)
    response_modes: tuple[str, ...] = ("query", "fragment")
    grant_types: tuple[str, ...] = ("authorization_code", "implicit")
    context_classes: tuple[str, ...] = ()
    userinfo_algorithms: tuple[str, ...] = ()
    token_endpoint_auth_algorithms: tuple[str, ...] = ()
    dpop_algorithms: tuple[str, ...] = ()
    authorization_response_issuer_announced: bool = False
    requires_pushed_authorization_requests: bool = False
    mtls_endpoint_aliases: Mapping[str, str | None] = {}
    ignored: tuple[str, ...] = ()
    """Members of the document with an unusable value, which count as absent."""

    @property
    def has_no_userinfo(self) -> bool:
        """Whether the provider has no UserInfo endpoint. An unusable address does not mean that."""
        return self.userinfo_endpoint is None and "userinfo_endpoint" not in self.ignored


_ENDPOINTS = {
    "authorization_endpoint": True,
    "token_endpoint": True,
    "jwks_uri": True,
    "userinfo_endpoint": False,
    "end_session_endpoint": False,
    "pushed_authorization_request_endpoint": False,
}
"""Member name, and whether a login is impossible without it."""

_MTLS: Final = "mtls_endpoint_aliases"
_DIRECT: Final = (
    "token_endpoint",
    "userinfo_endpoint",
    "pushed_authorization_request_endpoint",
)
"""The endpoints that this service calls itself; other aliases have no meaning (RFC 8705 section 5)."""

_LISTS = {
    "id_token_signing_alg_values_supported": "id_token_algorithms",
    "token_endpoint_auth_methods_supported": "token_endpoint_auth_methods",
    "code_challenge_methods_supported": "code_challenge_methods",
    "scopes_supported": "scopes",
    "claims_supported": "claims",
    "response_types_supported": "response_types",
    "response_modes_supported": "response_modes",
    "grant_types_supported": "grant_types",
    "acr_values_supported": "context_classes",
    "userinfo_signing_alg_values_supported": "userinfo_algorithms",
    "token_endpoint_auth_signing_alg_values_supported": "token_endpoint_auth_algorithms",
    "dpop_signing_alg_values_supported": "dpop_algorithms",
}
_FLAGS = {
    "authorization_response_iss_parameter_supported": "authorization_response_issuer_announced",
    "require_pushed_authorization_requests": "requires_pushed_authorization_requests",
}


_ADD_CHECKS: Final = frozenset(("authorization_response_iss_parameter_supported",))
"""If a provider announces one of these, a further check applies (RFC 9207 section 2.4)."""


def configuration_url(address: str) -> str:
    """The metadata URL of `address`, which is an issuer or already the document's URL (Discovery 4). The issuer itself
    is never edited:

    Auth0's ends in a slash, which is dropped only for this path.
    """
    if address.endswith(WELL_KNOWN_PATH):
        return address
    return address.replace(TENANT_PLACEHOLDER, ENTRA_COLLECTIVES[0]).removesuffix("/") + WELL_KNOWN_PATH


def parse_provider_metadata(body: bytes, expected_issuer: str) -> ProviderMetadata:
    """Read a discovery document that was fetched for `expected_issuer`.

    Args:
        body: the document as received, decompressed.
        expected_issuer: as the operator entered it. An issuer is compared character by character. If a document URL was
            entered, the issuer must be one whose document is at exactly that URL, which leaves two spellings: with and
            without a closing slash. Entra's collective addresses may answer with its template.

    Raises:
        IssuerMismatch: the document names another issuer (Discovery 4.3).
        InvalidMetadata: it cannot be read, or `.claim`, without which no login is possible, is absent or unusable.
    """
    try:
        document = read_json_object(body, max_bytes=MAX_METADATA_BYTES)
    except DocumentError as error:
        raise InvalidMetadata(f"The provider's metadata document is {error}.") from error
    issuer = _issuer(document)
    if not _is_document_of(issuer, expected_issuer):
        raise IssuerMismatch(expected_issuer, issuer)
    members: dict[str, Any] = {}
    ignored: list[str] = []
    for name, is_required in _ENDPOINTS.items():
        members[name] = _endpoint(document, name, issuer) if is_required else _optional(document, name, issuer, ignored)
    for name, field in _LISTS.items():
        if (items := _strings(document, name, ignored)) is not None:
            members[field] = items
    for name, field in _FLAGS.items():
        members[field] = _flag(document, name, ignored)
    aliases = _aliases(document, issuer)
    metadata = ProviderMetadata(issuer=issuer, **members, mtls_endpoint_aliases=aliases, ignored=tuple(ignored))
    if not any(sorted(types.split()) == ["code"] for types in metadata.response_types):
        raise InvalidMetadata("The provider does not offer the code flow.", claim="response_types_supported")
    return metadata


def with_mtls_aliases(metadata: ProviderMetadata) -> ProviderMetadata:
    """The metadata for a client that presents a TLS certificate: it must use the aliases (RFC 8705 section 5).

    Raises:
        InvalidMetadata: an alias cannot be used. The endpoint itself is not a substitute: it may not request a
            certificate.
    """
    found = metadata.mtls_endpoint_aliases
    for name, url in found.items():
        if url is None:
            raise InvalidMetadata(
                f"The provider's metadata has no usable mTLS alias of {name}.", claim=f"{_MTLS}.{name}"
            )
    return msgspec.structs.replace(metadata, **found) if found else metadata


def _aliases(document: dict[str, Any], issuer: str) -> dict[str, str | None]:
    """Checked like the endpoints, but an unusable one is only noted: they concern only clients with a certificate."""
    given = document.get(_MTLS)
    if given is None:
        return {}
    if not isinstance(given, dict):
        return dict.fromkeys(_DIRECT)
    unusable: list[str] = []
    aliases = {name: _optional(given, name, issuer, unusable) for name in _DIRECT}
    return {name: url for name, url in aliases.items() if url is not None or name in unusable}


def _is_document_of(issuer: str, address: str) -> bool:
    if address.endswith(WELL_KNOWN_PATH):
        places = ENTRA_COLLECTIVES if is_template(issuer) else ("",)
        return any(configuration_url(issuer.replace(TENANT_PLACEHOLDER, place)) == address for place in places)
    if issuer == address or not is_template(issuer):
        return issuer == address
    return any(issuer.replace(TENANT_PLACEHOLDER, place) == address for place in ENTRA_COLLECTIVES)


def _issuer(document: dict[str, Any]) -> str:
    try:
        return check_url(document.get("issuer"), allow_query=False)
    except DocumentError as error:
        raise InvalidMetadata("The provider's metadata has no usable issuer.", claim="issuer") from error


def _optional(document: dict[str, Any], name: str, issuer: str, ignored: list[str]) -> str | None:
    if document.get(name) is None:
        return None
    try:
        return _endpoint(document, name, issuer)
    except InvalidMetadata:
        ignored.append(name)
        return None


def _endpoint(document: dict[str, Any], name: str, issuer: str) -> str:
    try:
        url = check_url(document.get(name))
    except DocumentError as error:
        raise InvalidMetadata(f"The provider's metadata has no usable {name}.", claim=name) from error
    # An https issuer that sends the browser or the client secret over plain http is a mistake or an attack.
    if issuer.startswith("https:") and not url.startswith("https:"):
        raise InvalidMetadata(f"The provider's metadata has no usable {name}: it is not https.", claim=name)
    return url


def _strings(document: dict[str, Any], name: str, ignored: list[str]) -> tuple[str, ...] | None:
    value = document.get(name)
    if value is None:
        return None
    is_usable = isinstance(value, list) and len(value) <= MAX_LIST_ITEMS
    if not is_usable or not all(isinstance(item, str) and len(item) <= MAX_ITEM_LENGTH for item in value):
        ignored.append(name)
        return None
    return tuple(value)


def _flag(document: dict[str, Any], name: str, ignored: list[str]) -> bool:
    """An absent member or one that is not a boolean means false; but a text such as "true" must not switch a check off."""
    value = document.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    ignored.append(name)
    return name in _ADD_CHECKS
