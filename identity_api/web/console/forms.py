"""Every form of the console: its mutation, the page that shows its problem, and the page after a success."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from identity_api.web.console import change_sets, provider_forms, rules

Typed = Mapping[str, str]
"""The non-empty values of the address and the fields; a repeated field has one value a line."""


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """One form. `documents/NAME.graphql` calls its mutation `outcome`."""

    name: str
    path: str
    page: str
    """The name of the page that has the form."""
    variables: Callable[[Typed], dict[str, Any]]
    leads_to: str | None
    """The address of the page after a success; parts of the form's own address are filled in. None: the page itself,
    which shows the result once."""

    @property
    def done(self) -> str:
        """The key of the text that the page then shows."""
        return f"done.{self.name}"


def _only_id(typed: Typed) -> dict[str, Any]:
    return {"id": typed["id"]}


def _of_user(name: str, word: str) -> Form:
    """A button on the page of a user."""
    return Form(
        name=name,
        path=f"/console/users/{{id:str}}/{word}",
        page="user",
        variables=_only_id,
        leads_to="/console/users/{id}",
    )


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
    _of_user("sync_user", "sync"),
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
        page="providers",
        variables=provider_forms.creating,
        leads_to="/console/providers",
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
    ),
    Form(
        name="apply_import",
        path="/console/mappings/import/apply",
        page="import_mappings",
        variables=lambda typed: change_sets.exactly(change_sets.importing(typed), typed),
        leads_to="/console/mappings",
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
