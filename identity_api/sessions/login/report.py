"""The report of a test login: for each setting, where the value was looked for and what came.

It has names of claims, JSON types and counts, and never a claim's value, since the person who signs in may not be the
administrator who reads the report. Pure.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final, Literal

import msgspec

from identity_api.claims import (
    ABSENT,
    DECLARED_ENDS,
    ClaimSource,
    Document,
    Documents,
    GroupsReading,
    Reason,
    Shape,
    find,
    probable_shape,
    read_groups,
)
from identity_api.db.providers import Provider
from identity_api.diagnostics import explain, explain_failure
from identity_api.diagnostics.findings import Finding, fail, listed, ok, shown, verdict, warn
from identity_api.relying_party.claim_settings import claim_sources
from identity_api.sessions.login.claims_seen import SeenClaim, claims_seen, described

SIGN_IN: Final = "sign-in"
_LOOKS: Final = {
    Shape.JSON: "one text that is a JSON list",
    Shape.COMMAS: "one text with commas",
    Shape.BLANKS: "one text with blanks",
}
REFRESH: Final = "refresh token"
OFFLINE_ACCESS: Final = "offline_access"
MAX_NAMES: Final = 60
SHORT_LIFE_SECONDS: Final = 86_400
"""The shortest safe lifetime of a refresh token: a longer outage, here or at the provider, signs everybody out."""
_NEAR: Final = 0.6
_MAX_NEAREST: Final = 3


class SettingReport(msgspec.Struct, frozen=True, kw_only=True):
    """One claim setting. `found_in` is the place that has it, `None` if no place does."""

    setting: Literal["anchor", "username", "display", "email", "groups"]
    looked_for: tuple[str, ...]
    found_in: str | None = None
    type: str | None = None
    """The JSON type of the value: "a text", "a list of 3 texts"."""
    completeness: str | None = None
    """Of groups only."""
    reason: str | None = None
    count: int | None = None
    nearest: tuple[str, ...] = ()
    """Places in the answer with a similar name."""
    remarks: tuple[str, ...] = ()
    """For groups: how an unusual shape was read, as `CODE: place: detail` (`claims.Diagnostic`)."""


class DocumentReport(msgspec.Struct, frozen=True, kw_only=True):
    """A document that claims may be in, and the names at its top."""

    document: str
    came: bool
    names: tuple[str, ...] = ()


class LoginReport(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a test login."""

    status: Literal["WAITING", "PASSED", "FAILED"]
    verdict: Finding
    findings: tuple[Finding, ...]
    settings: tuple[SettingReport, ...] = ()
    documents: tuple[DocumentReport, ...] = ()
    refresh_token: bool | None = None
    """Whether one was issued; None if the login failed before."""
    claims: tuple[SeenClaim, ...] = ()


def groups_in(provider: Provider, documents: Documents) -> GroupsReading:
    """The groups in the claims, even if the claims do not identify the person."""
    return read_groups(documents, claim_sources(provider.claims).groups, absent_groups=provider.absent_groups)


def report_of(
    provider: Provider,
    documents: Documents,
    reading: GroupsReading,
    *,
    has_refresh_token: bool,
    refresh_seconds: int | None = None,
    has_access_token: bool = True,
) -> LoginReport:
    """The report of a login whose tokens were verified.

    Args:
        provider: as it is configured.
        documents: the verified claims.
        reading: of groups; a vendor's own interface may have been asked as well.
        has_refresh_token: whether one was issued.
        refresh_seconds: how long it lives, as the provider says; 0 if it does not end by itself.
        has_access_token: whether one came to ask UserInfo with.
    """
    sources = claim_sources(provider.claims)
    profile = sources.profile
    named: dict[Literal["anchor", "username", "display", "email"], tuple[ClaimSource, ...]] = {
        "anchor": profile.anchor,
        "username": profile.username,
        "display": profile.display,
        "email": profile.email,
    }
    found = {name: _setting(name, places, documents) for name, places in named.items()}
    groups = _groups(sources.groups, documents, reading)
    findings = (
        ok(SIGN_IN, "The provider signed the person in, and what it sent was verified."),
        _claim_finding(found["anchor"], is_needed=True),
        _groups_finding(provider, groups, reading),
        _refresh_finding(provider, refresh_seconds, has_refresh_token=has_refresh_token),
        _claim_finding(found["username"], is_needed=provider.provisioning == "KNOWN_USERS"),
        _claim_finding(found["display"]),
        _claim_finding(found["email"]),
        *([] if has_access_token else [_no_access_token()]),
    )
    first = verdict(findings)
    return LoginReport(
        status="FAILED" if first.status == "fail" else "PASSED",
        verdict=first,
        findings=findings,
        settings=(*found.values(), groups),
        documents=tuple([_document(documents, document) for document in Document]),
        refresh_token=has_refresh_token,
        claims=claims_seen(documents),
    )


def report_of_failure(
    code: str, reason: str | None, provider: Provider | None, *, said: str | None = None
) -> LoginReport:
    """The report of a login that failed before; code, reason and the provider's text are those of `LoginFailed`."""
    told = explain_failure(code, reason)
    expected = _expected(reason, provider)
    message = f"{told.meaning} The provider says: {said}" if said else told.meaning
    finding = fail(SIGN_IN, code, message, expected=expected, found=shown(reason) if reason else None)
    return LoginReport(status="FAILED", verdict=finding, findings=(finding,))


def _expected(reason: str | None, provider: Provider | None) -> str | None:
    """The setting that the reason names, if there is one to compare."""
    blamed = (reason or "").rpartition(":")[2]
    if provider is None:
        return None
    return {"aud": provider.client_id, "azp": provider.client_id, "iss": provider.issuer}.get(blamed)


def _setting(
    name: Literal["anchor", "username", "display", "email"], places: tuple[ClaimSource, ...], documents: Documents
) -> SettingReport:
    looked_for = tuple([str(place) for place in places])
    for place in places:
        claims = documents.get(place.document)
        value = ABSENT if claims is None else find(claims, place)
        if value is not ABSENT and value != "":
            return SettingReport(setting=name, looked_for=looked_for, found_in=str(place), type=described(value))
    return SettingReport(setting=name, looked_for=looked_for, nearest=nearest(places, documents))


def _groups(places: tuple[ClaimSource, ...], documents: Documents, reading: GroupsReading) -> SettingReport:
    looked_for = tuple([str(place) for place in places])
    for place in places:
        claims = documents.get(place.document)
        value = ABSENT if claims is None else find(claims, place)
        if value is not ABSENT:
            return SettingReport(
                setting="groups",
                looked_for=looked_for,
                found_in=str(place),
                type=described(value),
                completeness=reading.completeness.value,
                reason=reading.reason.value,
                count=len(reading.groups) if reading.is_verified else None,
                remarks=_remarks(reading),
            )
    return SettingReport(
        setting="groups",
        looked_for=looked_for,
        completeness=reading.completeness.value,
        reason=reading.reason.value,
        count=len(reading.groups) if reading.is_verified else None,
        nearest=nearest(places, documents),
        remarks=_remarks(reading),
    )


def _remarks(reading: GroupsReading) -> tuple[str, ...]:
    """In the order of reading. An empty place is not repeated, since the other findings name it."""
    return reading.remarks


def _claim_finding(setting: SettingReport, *, is_needed: bool = False) -> Finding:
    step = f"{setting.setting} claim"
    if setting.found_in is None:
        return (fail if is_needed else warn)(step, "CLAIM_NOT_FOUND", _missing(setting), **_compared(setting))
    readable = setting.type == "a text" or (setting.setting == "anchor" and setting.type == "a number")
    if not readable:
        message = f"The {setting.setting} claim is {setting.type}, which cannot be used."
        return (fail if is_needed else warn)(step, "CLAIM_UNUSABLE", message, expected="a text", found=setting.type)
    return ok(step, f"It came in {setting.found_in}.")


def _groups_finding(provider: Provider, setting: SettingReport, reading: GroupsReading) -> Finding:
    step = "groups claim"
    if provider.sync_mode == "NONE":
        return ok(step, "Groups of this provider give nothing, so that it does not matter.")
    if reading.reason is Reason.LISTED and setting.found_in is None:
        return ok(step, f"{len(reading.groups)} were listed by the vendor's own interface.")
    if setting.found_in is None and reading.reason.value.startswith(("ABSENT", "DOCUMENT")):
        make = warn if reading.is_verified else fail
        return make(step, "CLAIM_NOT_FOUND", _missing(setting), **_compared(setting))
    if not reading.is_verified:
        why = reading.diagnostics[-1].detail if reading.diagnostics else ""
        message = f"The groups are {reading.completeness.value}: {explain(reading.reason.value).meaning}"
        message += f" It is this: {why}." if why else ""
        return fail(step, "GROUPS_NOT_COMPLETE", message, expected=listed(setting.looked_for), found=setting.type)
    if setting.type == "a text" and (shape := probable_shape(reading.groups[0])) is not None:
        message = f"The groups came as {_LOOKS[shape]}, which counts as one group unless the location declares it."
        expected = f"{setting.found_in}{DECLARED_ENDS[shape]}"
        return warn(step, "GROUPS_AS_ONE_TEXT", message, expected=expected, found=setting.found_in)
    return ok(step, f"{len(reading.groups)} came in {setting.found_in}, all of them.")


def _refresh_finding(provider: Provider, seconds: int | None, *, has_refresh_token: bool) -> Finding:
    """S0-42."""
    if provider.sync != "REFRESH_TOKEN":
        return ok(REFRESH, f"None is needed, as the sync is {provider.sync}.")
    if has_refresh_token and seconds is not None and 0 < seconds < SHORT_LIFE_SECONDS:
        message = "One was issued that ends soon, unless the sync renews it: no outage may be longer."
        return warn(REFRESH, "REFRESH_TOKEN_SHORT", message, found=f"{max(1, seconds // 60)} minutes")
    if has_refresh_token:
        ends = {None: "The provider does not say when it ends.", 0: "It does not end by itself."}
        return ok(REFRESH, f"One was issued. {ends.get(seconds, f'It lives for {(seconds or 0) // 86_400} day(s).')}")
    message = "No refresh token came, and the sync needs one."
    prompts = provider.authorization_parameters.get("prompt", "").split()
    if OFFLINE_ACCESS in provider.scopes and "consent" not in prompts:
        message += (
            " offline_access was asked for; some providers give it only with prompt=consent (OpenID Connect Core 11)."
        )
        expected = 'authorization_parameters = { prompt = "consent" }'
        return fail(REFRESH, "REFRESH_TOKEN_MISSING", message, expected=expected, found=" ".join(prompts) or None)
    return fail(REFRESH, "REFRESH_TOKEN_MISSING", message, expected=OFFLINE_ACCESS, found=listed(provider.scopes))


def _no_access_token() -> Finding:
    message = "No access token came, so UserInfo cannot be asked; claims and groups that are there alone are not known."
    return warn("access token", "ACCESS_TOKEN_MISSING", message)


def _missing(setting: SettingReport) -> str:
    message = f"The {setting.setting} claim did not come in {listed(setting.looked_for)}"
    return f"{message}; {listed(setting.nearest)} did." if setting.nearest else f"{message}."


def _compared(setting: SettingReport) -> dict[str, str | None]:
    return {"expected": listed(setting.looked_for), "found": listed(setting.nearest) or None}


def _document(documents: Documents, document: Document) -> DocumentReport:
    claims = documents.get(document)
    if claims is None:
        return DocumentReport(document=document.value, came=False)
    return DocumentReport(document=document.value, came=True, names=tuple(_names(claims)[:MAX_NAMES]))


def _names(claims: Mapping[str, Any]) -> list[str]:
    return sorted([shown(name) for name in claims])


def nearest(places: tuple[ClaimSource, ...], documents: Documents) -> tuple[str, ...]:
    """Places in the answer with names similar to the configured ones, the most similar first.

    At the depth at which a path ended: `resource_access / ap / roles` may have meant `resource_access / app`.
    """
    found: list[str] = []
    for place in places:
        for document in Document:
            claims = documents.get(document)
            if claims is not None and place.path and place.shape is not Shape.KEYS:
                found += _dotted(claims, place.path, document) or _alike(claims, place.path, document)
    return tuple(dict.fromkeys(found))[:_MAX_NEAREST]


def _dotted(claims: Mapping[str, Any], path: tuple[str, ...], document: Document) -> list[str]:
    """The path that a name with dots probably stands for, as other systems write one (`realm_access.roles`)."""
    names = tuple(path[0].split("."))
    if len(path) > 1 or len(names) < 2 or find(claims, ClaimSource(document, names)) is ABSENT:
        return []
    return [" / ".join((document.value, *[shown(name) for name in names]))]


def _alike(claims: Mapping[str, Any], path: tuple[str, ...], document: Document) -> list[str]:
    inside: Mapping[str, Any] = claims
    for depth, name in enumerate(path):
        if name not in inside or inside[name] is None:
            by_case = {other.casefold(): other for other in inside}
            near = get_close_matches(name.casefold(), by_case, n=2, cutoff=_NEAR)
            return [" / ".join((document.value, *path[:depth], shown(by_case[one]))) for one in near]
        value = inside[name]
        if not isinstance(value, Mapping):
            break
        inside = value
    # The whole path is there: in another document than the one that is configured.
    return [" / ".join((document.value, *path))] if find(claims, ClaimSource(document, path)) is not ABSENT else []
