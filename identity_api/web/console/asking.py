"""Calls the GraphQL API in this process, as the user of the session: same schema, access table and limits."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec

from identity_api.errors import IdentityAPIError, NotFound, Unavailable
from identity_api.http import HTTPRequest
from identity_api.permissions.service import SERVICE_PERMISSIONS, SERVICE_PREFIX
from identity_api.sessions.authenticate import Authenticated
from identity_api.web.deps import WebDeps
from identity_api.web.http.errors import HTTPRefusal
from identity_api.web.http.errors import problem_of as http_problem_of
from identity_api.web.http.request_context import RequestContext

_STATUS: Final = {
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "INTERNAL": 500,
    "TIMEOUT": 503,
    "CONFLICT": 409,
    "VALIDATION_FAILED": 500,
}
_SPREAD: Final = re.compile(r"\.\.\.([A-Z]\w*)")
_PREVIEWS: Final = (["preview"], ["deletion"])
"""The names of fields in documents that preview a form's effect. A refusal is passed beside it, as `refused`."""
_LISTS: Final = (["auditEvents"], ["groupMappings"], ["groups"], ["users"])
"""Lists whose filter is typed: what cannot be looked for is passed as `refused` as well, and the page keeps what was typed."""


class Problem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Why a mutation did not do what was asked, as the API returns it."""

    kind: str = msgspec.field(name="__typename")
    code: str
    message: str
    field: str | None = None
    step_up_url: str | None = None
    current_version: int | None = None
    problems: list[dict[str, Any]] = []
    """Each of several problems, with its path in the input."""
    http_status: int | None = None
    """Of an answer that is no type of the schema."""

    @property
    def status(self) -> int:
        """The page's status."""
        return self.http_status or {"NotAllowed": 403, "NotFoundError": 404, "ConflictError": 409}.get(self.kind, 400)


@cache
def document_of(name: str) -> str:
    """The text of `documents/NAME.graphql` with the shared fragments that it uses, each from a file of its own."""
    folder = files("identity_api.web.console") / "documents"
    parts, wanted = [(folder / f"{name}.graphql").read_text("utf-8")], list[str]()
    for part in parts:
        for found in _SPREAD.findall(part):
            file = folder / f"_{_snake(found)}.graphql"
            if found not in wanted and file.is_file():
                wanted.append(found)
                parts.append(file.read_text("utf-8"))
    return "".join(parts)


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


def may(permissions: frozenset[str]) -> dict[str, bool]:
    """The variables for `@include` in documents: `usersRead` for `identity:users:read`, and so on.

    `watches` is for syncs and logins, which either of two permissions shows.
    """
    each = {_camel(name): name in permissions for name in SERVICE_PERMISSIONS}
    return {**each, "watches": each["providersRead"] or each["auditRead"]}


async def ask(
    deps: WebDeps, context: RequestContext, found: Authenticated, name: str, variables: Mapping[str, Any]
) -> dict[str, Any]:
    """The data of a document. Every selected field has a value, except a refused preview.

    Args:
        deps: of the edge.
        context: of the request.
        found: the user of the request.
        name: of the document.
        variables: of the document; those of `may` are there as well.

    Raises:
        HTTPRefusal: a field was refused or failed, with the API's code and sentence; or the request is too long for the API.
        NotFound: the id that the page was asked with is of another kind.
        TooManyRequests: the session has asked for too much (promise 41).
        Unavailable: there is no API in this process.
    """
    if deps.graphql is None:
        raise Unavailable("The API is not served here.")
    values = {**may(found.permissions), **variables}
    request = HTTPRequest(
        method="POST",
        request_id=context.request_id,
        origin=context.origin,
        path_prefix=context.path_prefix if context.tenant else None,
        content_type="application/json",
        accept="application/json",
        body=msgspec.json.encode({"query": document_of(name), "variables": values}),
    )

    async def authenticate(_: object) -> Authenticated:
        return found

    async with deps.gate.passing():
        answer = msgspec.json.decode((await deps.graphql(request, authenticate)).body)
    if "title" in answer:  # no answer of GraphQL: what was typed is too long for one request
        raise HTTPRefusal(answer["status"], answer["code"], answer["title"])
    data: dict[str, Any] = {"refused": None, **(answer.get("data") or {})}
    for error in answer.get("errors", ()):
        told = error["extensions"]
        if not _is_shown_in_place(error.get("path"), told["code"]):
            _raise(error)
        data["refused"] = Problem(
            kind="", code=told["code"], message=error["message"], problems=told.get("problems", [])
        )
    if {} in data.values():  # a node of another type than the page's has none of its fields
        raise NotFound("There is nothing of this kind with this id.")
    return data


def problem_of(data: Mapping[str, Any]) -> Problem | None:
    """The problem of a form's mutation, which its document calls `outcome`; None if it did what was asked."""
    outcome = data["outcome"]
    return msgspec.convert(outcome, Problem) if "message" in outcome and "code" in outcome else None


def told(error: IdentityAPIError) -> Problem:
    """An error for which the schema has no type, such as a part that does not answer."""
    found = http_problem_of(error)
    return Problem(kind="", code=found.code, message=found.message, http_status=found.status)


def _is_shown_in_place(path: object, code: str) -> bool:
    return path in _PREVIEWS or (path in _LISTS and code in ("NOT_FOUND", "BAD_INPUT"))


def _raise(error: Mapping[str, Any]) -> None:
    code = error["extensions"]["code"]
    raise HTTPRefusal(_STATUS.get(code, 503 if code.endswith("UNAVAILABLE") else 400), code, error["message"])


def _camel(permission: str) -> str:
    first, *more = permission.removeprefix(SERVICE_PREFIX).split(":")
    return first + "".join([word.capitalize() for word in more])
