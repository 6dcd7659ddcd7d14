"""Every form of the console: its mutation, the page that shows its problem, and the page after a success."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from identity_api.web.console import change_sets, provider_forms, rules
from identity_api.web.console.rules import SEVERAL, days_or_none, whole_number

_INVITATIONS: Final = "/console/invitations"
Typed = Mapping[str, str]
"""The non-empty values of the address and the fields; a repeated field has one value a line."""


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """One form. `documents/DOCUMENT.graphql` calls its mutation `outcome`."""

    name: str
    path: str
    page: str
    """The name of the page that has the form."""
    variables: Callable[[Typed], dict[str, Any]]
    leads_to: str | None
    """The address of the page after a success; parts of the form's own address are filled in, and `{made}`. None: the page
    itself, which shows the result once."""
    made: tuple[str, str] | None = None
    """Where the result has the id of what was made."""
    told: Callable[[Mapping[str, Any]], dict[str, str]] = lambda _: {}
    """From the result to what the next page tells of it once, as values of its address: see `rendering.TOLD_ONCE`."""
    calls: str | None = None
    """The name of its document, if several forms have one."""

    @property
    def document(self) -> str:
        """The name of its document."""
        return self.calls or self.name

    @property
    def done(self) -> str:
        """The key of the text that the page then shows."""
        return f"done.{self.name}"


def _only_id(typed: Typed) -> dict[str, Any]:
    return {"id": typed["id"]}


def _of_user(name: str, word: str, variables: Callable[[Typed], dict[str, Any]] = _only_id) -> Form:
    """A button on the page of a user."""
    return Form(
        name=name,
        path=f"/console/users/{{id:str}}/{word}",
        page="user",
        variables=variables,
        leads_to="/console/users/{id}",
    )


def _named(typed: Typed) -> dict[str, Any]:
    return {"input": {"id": typed["id"]}}


def _filled_in(*names: str) -> Callable[[Typed], dict[str, Any]]:
    """The input from fields of the same names; an empty field is left out."""
    return lambda typed: {"input": {name: typed[name] for name in names if typed.get(name)}}


def _linking(typed: Typed) -> dict[str, Any]:
    given = {name: typed.get(name, "") for name in ("provider", "anchor")}
    return {"input": {"user": typed["id"], **given, "acceptClosing": typed.get("accepts") == "yes"}}


def _of_identity(name: str, word: str) -> Form:
    """A button beside an identity on the page of a user."""
    return Form(
        name=name,
        path=f"/console/users/{{id:str}}/identities/{word}",
        page="user",
        variables=lambda typed: {"input": {"id": typed.get("identity", "")}},
        leads_to="/console/users/{id}",
    )


def _of_webhook(
    name: str, word: str, variables: Callable[[Typed], dict[str, Any]] = _named, *, shows: bool = False
) -> Form:
    """A form on the page of a webhook."""
    path, leads_to = f"/console/webhooks/{{id:str}}{word}", None if shows else "/console/webhooks/{id}"
    return Form(name=name, path=path, page="webhook", variables=variables, leads_to=leads_to)


def _frontend(typed: Typed) -> dict[str, Any]:
    """Addresses and origins one a line; no way of delivery chosen is the API's default."""
    given = {"origins": typed.get("origins", "").split(), "returnUrls": typed.get("return_urls", "").split()}
    deliveries = typed.get("deliveries", "").split()
    return {**given, "deliveries": deliveries} if deliveries else given


def _token(typed: Typed) -> dict[str, Any]:
    """A token of the user of the page."""
    return {
        "input": {
            "user": typed.get("user", ""),
            "name": typed.get("name", ""),
            "days": whole_number(typed.get("days")),
            "permissions": [one for one in typed.get("permissions", "").split(SEVERAL) if one],
            "mayChange": typed.get("may_change") == "yes",
        }
    }


def _webhook(typed: Typed) -> dict[str, Any]:
    """A webhook's settings; no type chosen is the API's default."""
    types = typed.get("types", "").split(SEVERAL)
    given = {"url": typed.get("url", ""), "description": typed.get("description", "")}
    return {**given, "types": types} if types != [""] else given


def _updated_webhook(typed: Typed) -> dict[str, Any]:
    return {"input": {"id": typed["id"], **_webhook(typed), "enabled": typed.get("enabled") == "yes"}}


def _proposing(changes: Callable[[Typed], dict[str, Any]]) -> Callable[[Typed], dict[str, Any]]:
    """The changes of a page, for another admin to approve."""
    return lambda typed: {"input": {"changes": changes(typed)["input"]["changes"], "reason": typed.get("reason", "")}}


def _grant(typed: Typed) -> dict[str, Any]:
    return {"input": {"user": typed["id"], "permission": typed.get("given", "")}}


def _described(typed: Typed) -> dict[str, Any]:
    return {"description": typed.get("description", ""), "delegable": typed.get("delegable") == "yes"}


def _of_provider(name: str, word: str, variables: Callable[[Typed], dict[str, Any]], *, shows: bool = False) -> Form:
    """A form on the page of a provider."""
    path = "/console/providers/{id:str}" + word
    leads_to = None if shows else "/console/providers/{id}"
    return Form(name=name, path=path, page="provider", variables=variables, leads_to=leads_to)


FORMS: Final = (
    _of_user("disable_user", "disable"),
    _of_user("enable_user", "enable"),
    msgspec.structs.replace(_of_user("erase_user", "erase"), leads_to="/console/users"),
    _of_user("sync_user", "sync"),
    _of_user("unlock_user", "unlock", _named),
    _of_user("reset_second_factor", "second-factor/reset", _named),
    Form(
        name="create_user",
        path="/console/users",
        page="users",
        variables=_filled_in("username", "displayLabel", "email"),
        leads_to="/console/users/{made}",
        made=("user", "id"),
    ),
    Form(name="create_invitation", path=_INVITATIONS, page="invitations", variables=rules.inviting, leads_to=None),
    Form(
        name="revoke_invitation",
        path=f"{_INVITATIONS}/revoke",
        page="invitations",
        variables=_filled_in("invitationId"),
        leads_to=_INVITATIONS,
    ),
    Form(
        name="create_password_link",
        path="/console/users/{id:str}/password-link",
        page="user",
        variables=_named,
        leads_to=None,
    ),
    Form(
        name="link_identity",
        path="/console/users/{id:str}/identities",
        page="user",
        variables=_linking,
        leads_to="/console/users/{id}",
    ),
    _of_identity("unlink_identity", "unlink"),
    _of_identity("release_identity", "release"),
    Form(
        name="end_session",
        path="/console/users/{id:str}/sessions/end",
        page="user",
        variables=lambda typed: {"id": typed.get("session", "")},
        leads_to="/console/users/{id}",
    ),
    Form(
        name="grant_permission",
        path="/console/users/{id:str}/grant",
        page="user",
        variables=_grant,
        leads_to="/console/users/{id}",
    ),
    Form(
        name="revoke_permission",
        path="/console/users/{id:str}/revoke",
        page="user",
        variables=_grant,
        leads_to="/console/users/{id}",
    ),
    Form(
        name="create_permission",
        path="/console/permissions",
        page="permissions",
        variables=lambda typed: {"input": {**_described(typed), "name": typed.get("name", "")}},
        leads_to="/console/permissions",
    ),
    Form(
        name="update_permission",
        path="/console/permissions/{id:str}",
        page="permission",
        variables=lambda typed: {"input": {**_described(typed), "id": typed["id"]}},
        leads_to="/console/permissions/{id}",
    ),
    Form(
        name="delete_permission",
        path="/console/permissions/{id:str}/delete",
        page="permission",
        variables=lambda typed: {"input": {"id": typed["id"]}},
        leads_to="/console/permissions",
    ),
    Form(
        name="create_provider",
        path="/console/providers",
        page="new_provider",
        variables=provider_forms.creating,
        leads_to="/console/providers/{made}",
        made=("provider", "id"),
    ),
    _of_provider("update_provider", "", provider_forms.updating),
    _of_provider("enable_provider", "/enable", provider_forms.naming),
    _of_provider("disable_provider", "/disable", provider_forms.naming),
    _of_provider("set_provider_secret", "/secret", provider_forms.storing),
    _of_provider("test_provider", "/test", provider_forms.naming, shows=True),
    Form(
        name="create_setup_link",
        path="/console/setup-links",
        page="setup_links",
        variables=provider_forms.inviting,
        leads_to=None,
    ),
    Form(
        name="revoke_setup_link",
        path="/console/setup-links/revoke",
        page="setup_links",
        variables=lambda typed: {"input": {"setupLinkId": typed.get("link", "")}},
        leads_to="/console/setup-links",
    ),
    Form(
        name="apply_undo",
        path="/console/undo",
        page="undo",
        variables=lambda typed: change_sets.exactly(change_sets.undoing(typed), typed),
        leads_to="/console/audit",
        told=lambda made: {"undo": made["event"]},
    ),
    Form(
        name="apply_import",
        path="/console/mappings/import/apply",
        page="import_mappings",
        variables=lambda typed: change_sets.exactly(change_sets.importing(typed), typed),
        leads_to="/console/mappings",
        told=change_sets.told,
    ),
    Form(
        name="propose_import",
        calls="propose",
        path="/console/mappings/import/propose",
        page="import_mappings",
        variables=_proposing(change_sets.importing),
        leads_to="/console/proposals",
    ),
    Form(
        name="propose_mapping",
        calls="propose",
        path="/console/mappings/new/propose",
        page="new_mapping",
        variables=_proposing(rules.creating_in_set),
        leads_to="/console/proposals",
    ),
    Form(
        name="approve_proposal",
        path="/console/proposals/{id:str}/approve",
        page="proposal",
        variables=lambda typed: {"input": {"id": typed["id"], "asPreviewed": typed.get("digest", "")}},
        leads_to="/console/proposals",
    ),
    Form(
        name="reject_proposal",
        path="/console/proposals/{id:str}/reject",
        page="proposal",
        variables=_named,
        leads_to="/console/proposals",
    ),
    Form(
        name="create_api_token",
        path="/console/tokens",
        page="api_tokens",
        variables=_token,
        leads_to=None,
    ),
    Form(
        name="rotate_api_token",
        path="/console/tokens/rotate",
        page="api_tokens",
        variables=lambda typed: {"input": {"id": typed.get("token", ""), "days": whole_number(typed.get("days"))}},
        leads_to=None,
    ),
    Form(
        name="revoke_api_token",
        path="/console/tokens/revoke",
        page="api_tokens",
        variables=lambda typed: {"input": {"id": typed.get("token", "")}},
        leads_to="/console/tokens",
    ),
    Form(
        name="create_frontend",
        path="/console/frontends",
        page="frontends",
        variables=lambda typed: {"input": {"slug": typed.get("slug", ""), **_frontend(typed)}},
        leads_to="/console/frontends",
    ),
    Form(
        name="update_frontend",
        path="/console/frontends/{id:str}",
        page="frontend",
        variables=lambda typed: {"input": {"id": typed["id"], **_frontend(typed)}},
        leads_to="/console/frontends/{id}",
    ),
    Form(
        name="delete_frontend",
        path="/console/frontends/{id:str}/delete",
        page="frontend",
        variables=_named,
        leads_to="/console/frontends",
    ),
    Form(
        name="create_service_client",
        path="/console/service-clients",
        page="service_clients",
        variables=lambda typed: {"input": {"name": typed.get("name", ""), "days": days_or_none(typed.get("days"))}},
        leads_to=None,
    ),
    Form(
        name="rotate_service_client",
        path="/console/service-clients/rotate",
        page="service_clients",
        variables=lambda typed: {"input": {"id": typed.get("client", ""), "days": days_or_none(typed.get("days"))}},
        leads_to=None,
    ),
    Form(
        name="revoke_service_client",
        path="/console/service-clients/revoke",
        page="service_clients",
        variables=lambda typed: {"input": {"id": typed.get("client", "")}},
        leads_to="/console/service-clients",
    ),
    Form(
        name="create_webhook",
        path="/console/webhooks",
        page="webhooks",
        variables=lambda typed: {"input": _webhook(typed)},
        leads_to=None,
    ),
    _of_webhook("update_webhook", "", _updated_webhook),
    _of_webhook("test_webhook", "/test", shows=True),
    _of_webhook("rotate_webhook", "/rotate", shows=True),
    _of_webhook("replay_webhook", "/replay", _filled_in("id", "after")),
    Form(
        name="delete_webhook",
        path="/console/webhooks/{id:str}/delete",
        page="webhook",
        variables=_named,
        leads_to="/console/webhooks",
    ),
    Form(
        name="create_mapping",
        path="/console/mappings/new",
        page="new_mapping",
        variables=rules.creating,
        leads_to="/console/mappings",
    ),
    Form(
        name="update_mapping",
        path="/console/mappings/{id:str}",
        page="mapping",
        variables=rules.updating,
        leads_to="/console/mappings/{id}",
    ),
    Form(
        name="delete_mapping",
        path="/console/mappings/{id:str}/delete",
        page="mapping",
        variables=rules.deleting,
        leads_to="/console/mappings",
    ),
)
