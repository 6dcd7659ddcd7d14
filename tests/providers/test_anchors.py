"""A provider's people are moved to another anchor claim: who is told, who is refused, and what happens meanwhile."""

from typing import Any
from uuid import UUID

import pytest

from identity_api.accounts.linking import link_identity
from identity_api.db import identity_links
from identity_api.db.database import Connection
from identity_api.db.providers import Provider
from identity_api.errors import BadInput, ConfigurationError, Conflict, IdentityAPIError, Refused
from identity_api.providers.anchors import AnchorMove, NewAnchor, move_anchors
from tests import factories as make
from tests.providers.office import Office

pytestmark = pytest.mark.asyncio

ENDPOINTS = {name: f"https://old.example/{name}" for name in ("authorization", "token", "userinfo")}


async def waiting(office: Office, provider: Provider, username: str, anchor: str) -> UUID:
    """Somebody who has not signed in yet."""
    async with office.database.transaction() as connection:
        user_id = await make.make_user(connection, office.tenant_id, username=username)
    await link_identity(office.database, office.operator, user_id, provider.id, anchor)
    return user_id


async def move(
    office: Office, provider: Provider, *table: NewAnchor, claim: str = "nickname", **how: Any
) -> AnchorMove:
    return await move_anchors(office.deps, office.operator, await office.stored(provider), [claim], table, **how)


async def anchors(office: Office) -> list[str]:
    rows = await office.fetch("select anchor from identity where tenant_id = $1 order by anchor", office.tenant_id)
    return [row["anchor"] for row in rows]


@pytest.mark.parametrize(
    ("claim", "settings", "kind"),
    [("a b / c / d", {}, BadInput), ("nickname", {"managed_by": "FILE"}, Refused)],
    ids=["claim", "file"],
)
async def test_a_dry_run_is_refused_for_what_the_move_is(
    office: Office, claim: str, settings: dict[str, str], kind: type[IdentityAPIError]
) -> None:
    provider = await office.provider()
    for name, value in settings.items():
        await office.fetch(f"update provider set {name} = $2 where id = $1", provider.id, value)
    for dry_run in (True, False):
        with pytest.raises(kind):
            await move(office, provider, claim=claim, dry_run=dry_run)


async def test_a_dry_run_says_what_the_move_says_and_changes_nothing(office: Office) -> None:
    provider = await office.provider()
    await waiting(office, provider, "ada", "a-1")
    await waiting(office, provider, "bob", "b-1")
    table = NewAnchor(2, "ada", "a-1", "a-2")
    told = await move(office, provider, table, dry_run=True)
    assert (told.moved, told.lost) == ([("ada", "a-1")], [("bob", "b-1")])
    assert (await anchors(office), await office.stored(provider)) == (["a-1", "b-1"], provider)
    assert await move(office, provider, table, accepts_lost=True) == told
    assert await anchors(office) == ["a-2", "b-1"]


async def test_an_identity_is_named_once(office: Office) -> None:
    provider = await office.provider()
    await waiting(office, provider, "ada", "a-1")
    with pytest.raises(ConfigurationError) as told:
        await move(office, provider, NewAnchor(2, "ada", "a-1", "a-2"), NewAnchor(3, "ada", "a-1", "a-3"))
    assert told.value.problems == ("Line 3: ada's identity a-1 is in a line before.",)


async def test_a_subject_that_is_only_the_anchor_before_is_no_new_anchor(office: Office) -> None:
    """At a provider of plain OAuth 2.0 that names no `sub`."""
    provider = await office.provider(protocol="oauth2", endpoints=ENDPOINTS, anchor_claim=["userinfo / id"])
    async with office.database.transaction() as connection:
        user_id = await make.make_user(connection, office.tenant_id, username="ada")
        await make.make_identity(connection, provider, user_id, subject="17", anchor="17")
    told = await move(office, provider, claim="sub", dry_run=True)
    assert (told.moved, told.by_login, told.lost) == ([], 0, [("ada", "17")])


async def test_an_anchor_that_somebody_gets_meanwhile_is_told(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = await office.provider()
    await waiting(office, provider, "ada", "a-1")
    write = identity_links.move_anchors

    async def written(connection: Connection, *arguments: Any, **named: Any) -> None:
        await waiting(office, provider, "bob", "a-2")
        await write(connection, *arguments, **named)

    monkeypatch.setattr(identity_links, "move_anchors", written)
    with pytest.raises(Conflict):
        await move(office, provider, NewAnchor(2, "ada", "a-1", "a-2"))
    assert (await anchors(office), await office.stored(provider)) == (["a-1", "a-2"], provider)
