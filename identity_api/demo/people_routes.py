"""The page that edits the demo people, and the same as JSON for programs."""

from typing import Any
from urllib.parse import quote

import msgspec
from litestar import Request, Response, Router, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import File, Redirect

from identity_api.demo.authorization import single_parameters
from identity_api.demo.pages import FOLDER, message_page, people_page
from identity_api.demo.people import read_groups, require_group_names
from identity_api.demo.provider import DemoProvider
from identity_api.demo.same_origin import require_same_origin
from identity_api.errors import BadInput, NotFound

AnyRequest = Request[Any, Any, Any]
Provider = NamedDependency[DemoProvider]

_NOTICES = {
    "groups": "The groups of {name} are saved. The service sees them at its next synchronisation.",
    "removed": "{name} is removed. Sign-in is refused, and refresh tokens no longer work.",
    "restored": "{name} is restored and can sign in again.",
}


class PersonView(msgspec.Struct, frozen=True, kw_only=True):
    """A person as JSON."""

    subject: str
    username: str
    name: str
    email: str
    groups: tuple[str, ...]
    removed: bool


class PersonChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; a member left out stays as it is."""

    groups: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    removed: bool | msgspec.UnsetType = msgspec.UNSET


@get(["/", "/people"], sync_to_thread=False)
def show_people(
    provider: Provider, person: FromQuery[str | None] = None, done: FromQuery[str | None] = None
) -> Response[str]:
    """The table. `person` and `done` name the result of the last form; unknown values are ignored."""
    notice = None
    if person is not None and done in _NOTICES:
        notice = _NOTICES[done].format(name=provider.people.find(person).name)
    return people_page(provider.people, notice=notice)


@post("/people/{username:str}/groups", status_code=200)
async def save_groups(request: AnyRequest, provider: Provider, username: FromPath[str]) -> Response[Any]:
    text = ""
    try:
        text = single_parameters(await request.body()).get("groups", "")
        provider.people.set_groups(username, read_groups(text))
    except BadInput as error:
        return people_page(provider.people, problem=error.message, draft=(username, text))
    return _back_to(username, "groups")


@post("/people/{username:str}/remove", sync_to_thread=False)
def remove(provider: Provider, username: FromPath[str]) -> Response[Any]:
    provider.remove_person(username)
    return _back_to(username, "removed")


@post("/people/{username:str}/restore", sync_to_thread=False)
def restore(provider: Provider, username: FromPath[str]) -> Response[Any]:
    provider.restore_person(username)
    return _back_to(username, "restored")


@get("/people/{username:str}", sync_to_thread=False)
def read_person(provider: Provider, username: FromPath[str]) -> PersonView:
    return _view(provider, username)


@patch("/people/{username:str}", sync_to_thread=False)
def change_person(provider: Provider, username: FromPath[str], data: JSONBody[PersonChange]) -> PersonView:
    """Make all of the change or none of it: everything that can be refused is checked first."""
    provider.people.find(username)
    groups = data.groups if data.groups is msgspec.UNSET else require_group_names(data.groups)
    if groups is not msgspec.UNSET:
        provider.people.set_groups(username, groups)
    if data.removed is True:
        provider.remove_person(username)
    elif data.removed is False:
        provider.restore_person(username)
    return _view(provider, username)


@get("/style.css", sync_to_thread=False)
def style() -> File:
    return File(FOLDER / "style.css", media_type="text/css", content_disposition_type="inline")


def _view(provider: DemoProvider, username: str) -> PersonView:
    person = provider.people.find(username)
    return PersonView(
        subject=person.subject,
        username=person.username,
        name=person.name,
        email=person.email,
        groups=person.groups,
        removed=provider.people.is_removed(username),
    )


def _back_to(username: str, done: str) -> Response[Any]:
    name = quote(username, safe="")
    return Redirect(f"/people?person={name}&done={done}#person-{name}", status_code=303)


def _not_found(request: AnyRequest, error: NotFound) -> Response[Any]:
    if request.accept.best_match(["application/json", "text/html"]) == "text/html":
        return message_page("Not found", error.message, status=404)
    return Response({"code": error.code, "message": error.message}, status_code=404)


def _bad_input(_: AnyRequest, error: BadInput) -> Response[Any]:
    return Response({"code": error.code, "message": error.message, "field": error.field}, status_code=400)


def people_router() -> Router:
    """All endpoints of this module; they expect the dependency `provider`."""
    return Router(
        "/",
        route_handlers=[show_people, save_groups, remove, restore, read_person, change_person, style],
        guards=[require_same_origin],
        exception_handlers={NotFound: _not_found, BadInput: _bad_input},
    )
