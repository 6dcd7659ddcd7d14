"""Every page of the console: its address, its document and template, and who sees it in the navigation.

This module does not decide who may read what on a page: the API does, field by field.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from identity_api.permissions.service import (
    AUDIT_READ,
    CLIENTS_READ,
    GRANTS_WRITE,
    GROUPS_READ,
    MAPPINGS_READ,
    MAPPINGS_WRITE,
    PERMISSIONS_WRITE,
    PROVIDERS_READ,
    USERS_READ,
    WEBHOOKS_READ,
)
from identity_api.web.console import change_sets, rules
from identity_api.web.console.moments import day, day_after

Given = Mapping[str, str]
"""The non-empty values of the address: parts of the path and of the query."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page. `documents/NAME.graphql` is executed, `templates/NAME.html` shows the result."""

    name: str
    path: str
    variables: Callable[[Given], dict[str, Any]]
    shown_for: tuple[str, ...] = ()
    """Holders of one of these permissions see it in the navigation; empty: nobody does."""
    is_posted: bool = False
    """Its preview is a POST, because the input is too long for an address."""

    @property
    def document(self) -> str:
        """The name of its document."""
        return self.name

    @property
    def section(self) -> str:
        """The name of the page in the navigation below which it is."""
        first = self.path.split("/")[2]
        return _SECTIONS.get(first, first)

    @property
    def title(self) -> str:
        """The key of its name in the navigation."""
        return f"title.{self.name}"


_SECTIONS: Final = {
    "setup-links": "providers",
    "invitations": "users",
    "service-clients": "service_clients",
    "tokens": "api_tokens",
    "undo": "audit",
}
"""Where the first part of an address is not the name of its page in the navigation."""


def _users(given: Given) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    if "q" in given:
        wanted[_SEARCHED.get(given.get("in", ""), "search")] = given["q"]
    for name, value in (("enabled", given.get("state")), ("linked", given.get("linked"))):
        if value in ("yes", "no"):
            wanted[name] = value == "yes"
    for name in ("group", "permission"):
        if name in given:
            wanted[name] = given[name]
    return {"filter": wanted or None, "after": given.get("after")}


_SEARCHED: Final = {"label": "displayLabelPrefix", "username": "usernamePrefix", "email": "emailPrefix"}


def _groups(given: Given) -> dict[str, Any]:
    return {
        "prefix": given.get("q"),
        "provider": given.get("provider"),
        "mapped": given["mapped"] == "yes" if given.get("mapped") in ("yes", "no") else None,
        "after": given.get("after"),
    }


def _user(given: Given) -> dict[str, Any]:
    permission = given.get("permission", "")
    return {"id": given["id"], "permission": permission, "explains": bool(permission)}


def _permission(given: Given) -> dict[str, Any]:
    begin, end = day(given.get("at")), day_after(given.get("at"))
    return {
        "id": given["id"],
        "after": given.get("after"),
        "looksBack": begin is not None,
        "since": begin or _NEVER,
        "until": end or _NEVER,
    }


def _only_id(given: Given) -> dict[str, Any]:
    return {"id": given["id"]}


_NEVER: Final = datetime(2000, 1, 1, tzinfo=UTC)
_SUBJECTS: Final = frozenset(("action", "actor", "subject", "user"))


def audit_filter(given: Given) -> dict[str, Any]:
    """The filter for the audit: one criterion and a range of days."""
    wanted: dict[str, Any] = {"since": day(given.get("since")), "until": day_after(given.get("until"))}
    if given.get("by") in _SUBJECTS and "value" in given:
        wanted[given["by"]] = given["value"]
    return wanted


def _tokens(given: Given) -> dict[str, Any]:
    return {
        "user": given.get("user"),
        "live": None if given.get("state") == "all" else True,
        "after": given.get("after"),
        "makes": "user" in given,
    }


def _audit(given: Given) -> dict[str, Any]:
    return {"filter": audit_filter(given), "first": 25, "after": given.get("after")}


CHANGES: Final = tuple(
    f"{kind}.{done}"
    for kind, all_done in (
        ("mapping", "created updated deleted reaches_nobody"),
        ("permission", "created updated deleted"),
        ("change_set", "applied"),
        ("proposal", "made approved rejected"),
        ("provider", "created updated enabled disabled deleted secret_set secret_removed sync_paused sync_resumed"),
        ("provider", "breaker_opened breaker_closed"),
        ("setup_link", "created revoked used"),
        ("user", "disabled enabled erased"),
        ("identity", "released unlinked"),
        ("invitation", "created revoked accepted"),
        ("password_token", "created"),
        ("api_token", "created ended"),
        ("service_client", "created rotated revoked"),
        ("frontend", "created changed deleted"),
        ("webhook", "created updated deleted secret_rotated"),
        ("tenant", "nobody_administers local_policy_changed sessions_ended"),
        ("break_glass", "used revoked"),
    )
    for done in all_done.split()
)
"""What changed last on the overview: not logins, and not what follows from groups, of which there is always more."""

PAGES: Final = (
    Page(
        name="overview",
        path="/console/overview",
        variables=lambda _: {"changes": CHANGES},
        shown_for=(PROVIDERS_READ, AUDIT_READ, MAPPINGS_READ),
    ),
    Page(name="users", path="/console/users", variables=_users, shown_for=(USERS_READ,)),
    Page(name="user", path="/console/users/{id:str}", variables=_user),
    Page(name="invitations", path="/console/invitations", variables=lambda _: {}),
    Page(name="groups", path="/console/groups", variables=_groups, shown_for=(GROUPS_READ,)),
    Page(
        name="mappings",
        path="/console/mappings",
        variables=lambda given: {"search": given.get("q"), "first": 25, "after": given.get("after")},
        shown_for=(MAPPINGS_READ,),
    ),
    Page(name="new_mapping", path="/console/mappings/new", variables=rules.new_mapping),
    Page(
        name="import_mappings",
        path="/console/mappings/import",
        variables=change_sets.importing,
        is_posted=True,
    ),
    Page(name="undo", path="/console/undo", variables=change_sets.undoing),
    Page(name="mapping", path="/console/mappings/{id:str}", variables=rules.mapping),
    Page(
        name="permissions",
        path="/console/permissions",
        variables=lambda given: {"after": given.get("after")},
        shown_for=(USERS_READ, MAPPINGS_READ, PERMISSIONS_WRITE),
    ),
    Page(name="permission", path="/console/permissions/{id:str}", variables=_permission),
    Page(
        name="providers",
        path="/console/providers",
        variables=lambda given: {"after": given.get("after")},
        shown_for=(PROVIDERS_READ,),
    ),
    Page(name="new_provider", path="/console/providers/new", variables=lambda _: {}),
    Page(name="setup_links", path="/console/setup-links", variables=lambda _: {}),
    Page(name="provider", path="/console/providers/{id:str}", variables=_only_id),
    Page(
        name="proposals",
        path="/console/proposals",
        variables=lambda given: {"openOnly": given.get("state") != "all", "after": given.get("after")},
        shown_for=(MAPPINGS_WRITE, GRANTS_WRITE, PERMISSIONS_WRITE),
    ),
    Page(name="proposal", path="/console/proposals/{id:str}", variables=_only_id),
    Page(name="api_tokens", path="/console/tokens", variables=_tokens, shown_for=(USERS_READ,)),
    Page(name="frontends", path="/console/frontends", variables=lambda _: {}, shown_for=(CLIENTS_READ,)),
    Page(name="frontend", path="/console/frontends/{id:str}", variables=_only_id),
    Page(name="service_clients", path="/console/service-clients", variables=lambda _: {}, shown_for=(CLIENTS_READ,)),
    Page(name="webhooks", path="/console/webhooks", variables=lambda _: {}, shown_for=(WEBHOOKS_READ,)),
    Page(name="webhook", path="/console/webhooks/{id:str}", variables=_only_id),
    Page(name="audit", path="/console/audit", variables=_audit, shown_for=(AUDIT_READ,)),
)
"""In the order of the navigation."""

BY_NAME: Final = {page.name: page for page in PAGES}


def navigation(permissions: frozenset[str]) -> tuple[Page, ...]:
    """The pages in the navigation of a user with these permissions."""
    return tuple([page for page in PAGES if not permissions.isdisjoint(page.shown_for)])
