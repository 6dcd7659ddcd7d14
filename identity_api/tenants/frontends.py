"""Frontends as a tenant's admins manage them.

Sessions are delivered to a frontend's return URLs, and pages of its origins may use the cookie. So whoever decides about
these could receive the session of anybody who follows a link of theirs: a frontend is a way into every account of the
tenant, and an actor who makes or changes one must be allowed to give what anybody holds or can get (`accounts.ways_in`).
"""

import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from identity_api.accounts.ways_in import check_may_receive
from identity_api.db import audit, frontends, locks
from identity_api.db.database import Connection, Database
from identity_api.db.tenant_limits import ensure_within
from identity_api.db.tenants import Frontend
from identity_api.errors import BadInput, Conflict, NotFound, Problems, Refused
from identity_api.ids import uuid7
from identity_api.permissions.delegation import Actor
from identity_api.providers.checks import is_web_address

SLUG: Final = r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?"
DELIVERIES: Final = ("cookie", "code", "fragment")
MAX_ADDRESSES: Final = 50
MAX_ADDRESS: Final = 2_000


class FrontendSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What can be changed of a frontend."""

    origins: tuple[str, ...]
    return_urls: tuple[str, ...]
    deliveries: tuple[str, ...]
    """Some of `DELIVERIES`; the first is the default."""


def wrong_values(settings: FrontendSettings) -> Iterator[BadInput]:
    """Every value that cannot be used; `field` is its place in the settings."""
    for number, origin in enumerate(settings.origins):
        if not is_web_address(origin) or urlsplit(origin)._replace(scheme="", netloc="").geturl():
            yield _wrong(f"origins.{number}", f"{origin!r} must be an origin such as https://app.example.com.")
    for number, address in enumerate(settings.return_urls):
        if not is_web_address(address) or urlsplit(address).fragment:
            yield _wrong(f"return_urls.{number}", f"{address!r} must be a complete https address without a fragment.")
    if not settings.deliveries:
        yield _wrong("deliveries", "name at least one of cookie, code, fragment.")


async def create_frontend(database: Database, actor: Actor, slug: str, settings: FrontendSettings) -> Frontend:
    """Make a frontend.

    Raises:
        BadInput, SeveralProblems: values cannot be used.
        Refused: `FORBIDDEN`: see the module.
        Conflict: `NAME_TAKEN`; `LIMIT_REACHED`.
    """
    wrong = (
        [] if re.fullmatch(SLUG, slug) else [_wrong("slug", "must be lower-case letters, digits, _ and -, at most 63.")]
    )
    Problems([*wrong, *_problems(settings)]).tell()
    made = Frontend(uuid7(), actor.tenant_id, slug, **msgspec.structs.asdict(settings), managed_by="API")
    async with database.transaction() as connection:
        await _check_may_decide(connection, actor)
        if not await frontends.insert(connection, made):
            raise Conflict("There is a frontend of this name; choose another.", code="NAME_TAKEN")
        await ensure_within(connection, database.limits, "max_frontends", actor.tenant_id)
        await _record(connection, actor, "created", made, new={"slug": slug, **_values(made)})
    return made


async def update_frontend(
    database: Database,
    actor: Actor,
    frontend_id: UUID,
    *,
    origins: tuple[str, ...] | None = None,
    return_urls: tuple[str, ...] | None = None,
    deliveries: tuple[str, ...] | None = None,
) -> Frontend:
    """Change a frontend; what is None stays.

    Raises:
        NotFound: the tenant has no such frontend.
        Refused: `MANAGED_BY_FILE`; `FORBIDDEN`: see the module.
        BadInput, SeveralProblems: values cannot be used.
    """
    async with database.transaction() as connection:
        await _check_may_decide(connection, actor)
        before = await _held(connection, actor, frontend_id)
        settings = FrontendSettings(
            origins=before.origins if origins is None else origins,
            return_urls=before.return_urls if return_urls is None else return_urls,
            deliveries=before.deliveries if deliveries is None else deliveries,
        )
        Problems(_problems(settings)).tell()
        after = msgspec.structs.replace(before, **msgspec.structs.asdict(settings))
        if after != before:
            await frontends.update(connection, after)
            await _record(connection, actor, "changed", after, old=_values(before), new=_values(after))
    return after


async def delete_frontend(database: Database, actor: Actor, frontend_id: UUID) -> None:
    """Delete a frontend. The sessions that it holds, and logins under way for it, end at once.

    Raises:
        NotFound: the tenant has no such frontend.
        Refused: `MANAGED_BY_FILE`.
    """
    async with database.transaction() as connection:
        before = await _held(connection, actor, frontend_id)
        ended = await frontends.delete(connection, actor.tenant_id, frontend_id)
        old = {"slug": before.slug, **_values(before)}
        await _record(connection, actor, "deleted", before, old=old, payload={"sessions": ended})


async def _check_may_decide(connection: Connection, actor: Actor) -> None:
    await locks.share_mappings(connection, actor.tenant_id)
    await check_may_receive(connection, actor)


async def _held(connection: Connection, actor: Actor, frontend_id: UUID) -> Frontend:
    found = await frontends.held(connection, actor.tenant_id, frontend_id)
    if found is None:
        raise NotFound("There is no such frontend.")
    if found.managed_by == "FILE" and not actor.is_operator:
        raise Refused("This frontend is managed by a file; change it there.", code="MANAGED_BY_FILE")
    return found


def _problems(settings: FrontendSettings) -> list[BadInput]:
    lists = {"origins": settings.origins, "return_urls": settings.return_urls}
    too_long = [name for name, values in lists.items() if _is_too_much(values)]
    found = [_wrong(name, f"has at most {MAX_ADDRESSES} addresses of {MAX_ADDRESS} characters.") for name in too_long]
    return [*found, *wrong_values(settings)]


def _is_too_much(values: tuple[str, ...]) -> bool:
    return len(values) > MAX_ADDRESSES or any(len(one) > MAX_ADDRESS for one in values)


def _wrong(path: str, message: str) -> BadInput:
    return BadInput(message, field=path)


def _values(frontend: Frontend) -> dict[str, Any]:
    return {name: list(getattr(frontend, name)) for name in ("origins", "return_urls", "deliveries")}


async def _record(
    connection: Connection,
    actor: Actor,
    verb: str,
    frontend: Frontend,
    *,
    old: dict[str, Any] | None = None,
    new: dict[str, Any] | None = None,
    payload: dict[str, Any] | None = None,
) -> None:
    about = {"name": frontend.slug, **(payload or {})}
    event = audit.Event(f"frontend.{verb}", "frontend", frontend.id, about, old=old, new=new)
    await audit.record(connection, actor.tenant_id, actor.name, [event])
