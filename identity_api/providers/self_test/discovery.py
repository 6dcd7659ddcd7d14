"""Test discovery: the document can be fetched and read, and names the configured issuer (Discovery 4)."""

from typing import Final
from urllib.parse import urlsplit

from identity_api.db.providers import Provider
from identity_api.diagnostics.findings import Finding, fail, listed, ok, shown, shown_url, warn
from identity_api.oidc.discovery import ProviderMetadata, configuration_url, parse_provider_metadata
from identity_api.oidc.documents import DocumentError, read_json_object
from identity_api.oidc.errors import InvalidMetadata, IssuerMismatch
from identity_api.oidc.issuer import is_template, spelled_otherwise
from identity_api.oidc.messages import Answer
from identity_api.providers.self_test.probe import Probe, unreached
from identity_api.upstream.errors import UpstreamError

STEP: Final = "discovery"
ISSUER: Final = "issuer"
ENDPOINTS: Final = "endpoints"
_ENDPOINT_CLAIMS: Final = frozenset({"authorization_endpoint", "token_endpoint", "jwks_uri"})


class Discovered:
    """What fetching the document came to. Without `metadata` nothing else can be tested."""

    def __init__(self, findings: list[Finding], metadata: ProviderMetadata | None, answer: Answer | None) -> None:
        self.findings, self.metadata, self.answer = findings, metadata, answer


async def discover(probe: Probe, provider: Provider) -> Discovered:
    """Fetch and judge the document."""
    url = provider.discovery_url or configuration_url(provider.issuer)
    try:
        answer = await probe.get(url)
    except UpstreamError as error:
        return Discovered([unreached(STEP, "the discovery document", error)], None, None)
    fault = _not_a_document(answer, url)
    if fault is not None:
        return Discovered([fault], None, answer)
    reached = ok(STEP, "The discovery document is there.")
    try:
        metadata = probe.line.announced(parse_provider_metadata(answer.body, provider.issuer))
    except IssuerMismatch as error:
        return Discovered([reached, issuer_differs(error.expected, error.received)], None, answer)
    except InvalidMetadata as error:
        return Discovered([reached, _unusable(error, answer)], None, answer)
    findings = [reached, ok(ISSUER, "The issuer is exactly the one configured."), _directories(provider, metadata)]
    findings.append(ok(ENDPOINTS, "Authorization, token and key set addresses are announced."))
    findings.append(_ignored(metadata, answer))
    return Discovered([one for one in findings if one is not None], metadata, answer)


def _not_a_document(answer: Answer, url: str) -> Finding | None:
    """Status and form told apart, since each has another cure."""
    asked = shown_url(url)
    if 300 <= answer.status < 400:
        target = answer.headers.get("location", "")
        message = (
            "The address of the discovery document leads elsewhere. Redirects are not followed: enter the new one."
        )
        return fail(STEP, "DISCOVERY_REDIRECTS", message, expected=asked, found=shown_url(target) if target else None)
    if answer.status != 200:
        message = f"At the address of the discovery document the answer is status {answer.status}, not a document."
        return fail(STEP, "DISCOVERY_STATUS", message, expected=asked, found=str(answer.status))
    try:
        read_json_object(answer.body)
    except DocumentError as error:
        kind = shown(answer.headers.get("content-type", "no content type"))
        what = "an HTML page" if _is_html(answer) else f"a document that is {error}"
        message = f"At the address of the discovery document is {what}."
        return fail(STEP, "DISCOVERY_NOT_JSON", message, expected=asked, found=kind)
    return None


def _is_html(answer: Answer) -> bool:
    start = answer.body.lstrip()[:64].lower()
    return "html" in answer.headers.get("content-type", "") or start.startswith((b"<!doctype", b"<html"))


def issuer_differs(expected: str, received: str) -> Finding:
    """Both values, and in what they differ: issuers are compared character by character (Discovery 4.3)."""
    message = f"The provider calls itself by another issuer than the one configured: {_difference(expected, received)}."
    if spelled_otherwise(expected, received):
        message += f" Configured is {shown(expected)}; enter {shown(received)} instead."
    return fail(ISSUER, "ISSUER_MISMATCH", message, expected=shown(expected), found=shown(received))


def _difference(expected: str, received: str) -> str:
    if spelling := spelled_otherwise(expected, received):
        return spelling
    ours, theirs = urlsplit(expected), urlsplit(received)
    if ours.hostname != theirs.hostname:
        return "it names another host"
    if ours.scheme != theirs.scheme:
        return "one is http, the other https"
    if ours.netloc != theirs.netloc:
        return "the ports differ"
    return "the paths differ"


def _unusable(error: InvalidMetadata, answer: Answer) -> Finding:
    if error.claim in _ENDPOINT_CLAIMS:
        message = f"{error.message.removesuffix('.')}; without it nobody can sign in."
        return fail(ENDPOINTS, "ENDPOINT_MISSING", message, expected=error.claim)
    if error.claim == "response_types_supported":
        return fail(ENDPOINTS, "CODE_FLOW_NOT_OFFERED", error.message, expected="response_types_supported: code")
    found = _shape(answer, error.claim)
    return fail(STEP, "METADATA_UNUSABLE", error.message, expected=error.claim, found=found)


def _ignored(metadata: ProviderMetadata, answer: Answer) -> Finding | None:
    if not metadata.ignored:
        return None
    names = listed(metadata.ignored)
    message = f"Optional members of the discovery document have unusable values, and count as absent: {names}."
    shapes = listed([_shape(answer, name) or "" for name in metadata.ignored])
    return warn(STEP, "METADATA_MEMBERS_IGNORED", message, expected=names, found=shapes)


def _shape(answer: Answer, member: str | None) -> str | None:
    """What kind of value a member of the document is; never the value, which may be anything."""
    if member is None:
        return None
    kinds: dict[type, str] = {str: "a text", list: "a list", dict: "an object", bool: "true or false", int: "a number"}
    document = read_json_object(answer.body)
    return kinds.get(type(document[member]), "no value") if member in document else "nothing"


def _directories(provider: Provider, metadata: ProviderMetadata) -> Finding | None:
    if not is_template(metadata.issuer) or provider.claims.directories:
        return None
    message = "This issuer stands for every Entra directory, and none is listed whose people may sign in."
    return fail(ISSUER, "DIRECTORIES_MISSING", message, expected="allowed_directories")
