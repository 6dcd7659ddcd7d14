"""Steps of the onboarding checklist from the first login on: redirect, return, claims and permissions.

S0-56 to S0-59 are the four tests that a customer makes together with support elsewhere: `redirect`, `return`, `profile`
and `permissions` here.
"""

from collections.abc import Iterator
from typing import Literal

import msgspec

from identity_api.db.onboarding import ProviderProgress
from identity_api.db.providers import Provider
from identity_api.diagnostics import explain

Status = Literal["DONE", "OPEN", "PROBLEM"]
Phase = Literal["PREPARE", "CONNECT", "TEST"]
_FIRST = "This shows with the first sign-in."


class Value(msgspec.Struct, frozen=True):
    """Something to copy: into the provider's console, or into a browser."""

    label: str
    value: str


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step. `key` is stable, once per provider; `provider` is None for what concerns the whole tenant."""

    key: str
    phase: Phase
    provider: Provider | None
    title: str
    status: Status
    detail: str
    values: tuple[Value, ...] = ()


def sign_in_steps(provider: Provider, progress: ProviderProgress, door: str) -> Iterator[Step]:
    """From the sign-in address to the provider and back, and the provider's tokens and groups."""
    yield _enabled(provider)
    yield _redirect(provider, progress, door)
    yield _return(provider, progress)
    yield _refresh_tokens(provider, progress)
    yield _groups(provider, progress)


def account_steps(provider: Provider, progress: ProviderProgress, door: str) -> Iterator[Step]:
    """The account page that people see."""
    yield _profile(provider, progress, door)
    yield _mapping(provider, progress)
    yield _permissions(provider, progress, door)


def _enabled(provider: Provider) -> Step:
    detail = "It is on the login page." if provider.enabled else "It is switched off: nobody can sign in with it."
    return _connect(provider, "enabled", "DONE" if provider.enabled else "OPEN", "Provider switched on", detail)


def _redirect(provider: Provider, progress: ProviderProgress, door: str) -> Step:
    """S0-56."""
    title = "Visiting the sign-in address leads to the provider"
    values = (
        Value("Sign-in address", f"{door}/login"),
        Value("Straight to this provider", f"{door}/auth/{provider.protocol}/{provider.slug}/login"),
    )
    if progress.launched or progress.people:
        return _connect(provider, "redirect", "DONE", title, "A browser has been sent to the provider.", values)
    if progress.last_outcome is not None:
        return _connect(provider, "redirect", "PROBLEM", title, _failure(progress.last_outcome), values)
    detail = (
        "Open the sign-in address in a browser. If an error shows, the provider's settings and its metadata disagree."
    )
    return _connect(provider, "redirect", "OPEN", title, detail, values)


def _return(provider: Provider, progress: ProviderProgress) -> Step:
    """S0-57."""
    title = "Somebody has signed in"
    if progress.people:
        return _connect(provider, "return", "DONE", title, f"{_many(progress)} signed in.")
    if progress.launched and progress.last_outcome is not None:
        return _connect(provider, "return", "PROBLEM", title, _failure(progress.last_outcome))
    waiting = (
        "A browser went to the provider and has not come back with an answer. If the provider shows an error, compare "
    )
    detail = (
        f"{waiting}client id, redirect URI and scopes there." if progress.launched else "Sign in as somebody there."
    )
    return _connect(provider, "return", "OPEN", title, detail)


def _refresh_tokens(provider: Provider, progress: ProviderProgress) -> Step:
    """S0-40: a missing requirement is shown, instead of a sync that silently never runs."""
    title = "Background sync has what it needs"
    if provider.sync == "OFF":
        detail = (
            "Sync is off: profile and groups are read at each sign-in, and hold until the next one or until they end."
        )
        return _connect(provider, "refresh_tokens", "DONE", title, detail)
    if not progress.people:
        return _connect(provider, "refresh_tokens", "OPEN", title, _FIRST)
    if progress.with_refresh_token:
        detail = (
            f"{progress.with_refresh_token} of {progress.people} people looked at have a token that the sync can use."
        )
        return _connect(provider, "refresh_tokens", "DONE", title, detail)
    if provider.sync == "ACCESS_TOKEN":
        detail = "Nobody's access token is stored. People sign in once more."
    else:
        detail = (
            "Nobody came with a refresh token that still lives. Allow refresh tokens for the client at the provider and ask "
            "for the scope offline_access, or switch the provider's sync off; then people sign in once more."
        )
    return _connect(provider, "refresh_tokens", "PROBLEM", title, detail)


def _groups(provider: Provider, progress: ProviderProgress) -> Step:
    title = "Groups arrive completely"
    if provider.sync_mode == "NONE":
        return _connect(provider, "groups", "DONE", title, "Not needed: permissions do not follow groups here.")
    if not progress.people:
        return _connect(provider, "groups", "OPEN", title, _FIRST)
    place = ", then ".join(provider.claims.groups)
    if not progress.groups_unknown:
        return _connect(provider, "groups", "DONE", title, f"Read from {place}, for everybody looked at.")
    detail = (
        f"For {progress.groups_unknown} of {progress.people} people looked at the groups were missing, cut off or not "
        f"readable at {place}. Their permissions stay as they are until they run out. A test login shows what comes."
    )
    return _connect(provider, "groups", "PROBLEM", title, detail)


def _profile(provider: Provider, progress: ProviderProgress, door: str) -> Step:
    """S0-58."""
    title, values = "The account page shows the synced profile", (Value("Account page", f"{door}/account"),)
    if not progress.people:
        return _test(provider, "profile", "OPEN", title, _FIRST, values)
    if progress.named:
        detail = f"{progress.named} of {progress.people} people looked at have a name and an e-mail address from there."
        return _test(provider, "profile", "DONE", title, detail, values)
    names = ", ".join((*provider.claims.display, *provider.claims.email))
    detail = f"The provider gives no person both a name and an e-mail address. They are looked for in {names}."
    return _test(provider, "profile", "PROBLEM", title, detail, values)


def _mapping(provider: Provider, progress: ProviderProgress) -> Step:
    title = "A mapping matches a group that was seen"
    if provider.sync_mode == "NONE":
        return _test(provider, "mapping", "DONE", title, "Not needed: permissions do not follow groups here.")
    if progress.mapped_groups:
        detail = f"Mappings give permissions to {progress.mapped_groups} of {progress.seen_groups} groups seen."
        return _test(provider, "mapping", "DONE", title, detail)
    if progress.seen_groups:
        detail = f"{progress.seen_groups} groups were seen, and no mapping matches any. Names must match exactly, including case."
    else:
        detail = "No group was seen yet. A mapping may be made before, and matches when the group appears."
    return _test(provider, "mapping", "OPEN", title, detail)


def _permissions(provider: Provider, progress: ProviderProgress, door: str) -> Step:
    """S0-59."""
    title, values = "The account page shows permissions", (Value("Account page", f"{door}/account"),)
    if progress.permitted:
        detail = f"{progress.permitted} of {progress.people} people looked at have permissions, each with its reason."
        return _test(provider, "permissions", "DONE", title, detail, values)
    detail = "Nobody who signed in has a permission yet." if progress.people else _FIRST
    return _test(provider, "permissions", "OPEN", title, detail, values)


def _many(progress: ProviderProgress) -> str:
    return "One person has" if progress.people == 1 else f"{progress.people} people (of those looked at) have"


def _failure(code: str) -> str:
    told = explain(code)
    return f"The last sign-in ended with {code}. {told.meaning} {told.remedy}"


def _connect(
    provider: Provider, key: str, status: Status, title: str, detail: str, values: tuple[Value, ...] = ()
) -> Step:
    return Step(key=key, phase="CONNECT", provider=provider, title=title, status=status, detail=detail, values=values)


def _test(
    provider: Provider, key: str, status: Status, title: str, detail: str, values: tuple[Value, ...] = ()
) -> Step:
    return Step(key=key, phase="TEST", provider=provider, title=title, status=status, detail=detail, values=values)
