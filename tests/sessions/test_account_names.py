"""What a new account is called, and what a later login changes of it: the collision rule of S2-28 to S2-31 over real logins."""

import pytest

from identity_api.db.providers import ClaimSettings
from identity_api.sessions.errors import LoginFailed
from tests.sessions.browsers import World

pytestmark = pytest.mark.asyncio
BY_NAME = ClaimSettings(username=("name",), display=("name",))


async def names_after_login(world: World, person: str) -> tuple[str, str]:
    """Account name and display label."""
    finished = await world.sign_in(person)
    who = await world.who(finished.set_cookies[0].value)
    assert who is not None
    return who.user.username, who.user.display_label


async def test_namesakes_are_called_by_name_then_by_email_then_with_a_tail(world: World) -> None:
    """S2-28, S2-29, and what S2 leaves open: the e-mail may be taken as well. The label is the name for all of them."""
    await world.change_provider(claims=BY_NAME)
    for number, email in enumerate(("first@acme.example", "shared@acme.example", "shared@acme.example")):
        world.idp.add_person(f"namesake{number}", subject=f"n-{number}", name="Kim Lee", email=email)
    found = [await names_after_login(world, f"namesake{number}") for number in range(3)]
    assert [label for _, label in found] == ["Kim Lee"] * 3
    assert [username for username, _ in found[:2]] == ["Kim Lee", "shared@acme.example"]
    assert found[2][0].startswith("Kim Lee~")
    assert len(found[2][0]) == len("Kim Lee~") + 6


async def test_the_label_is_renewed_at_every_login_and_the_account_name_never(world: World) -> None:
    """S2-28, S2-30."""
    await world.change_provider(claims=BY_NAME)
    world.idp.add_person("kim", subject="s-kim", name="Kim Stone")
    assert await names_after_login(world, "kim") == ("Kim Stone", "Kim Stone")
    world.idp.add_person("kim", subject="s-kim", name="Kim Rivers")
    assert await names_after_login(world, "kim") == ("Kim Stone", "Kim Rivers")
    assert await world.count("app_user") == 1


async def test_an_address_that_passes_to_somebody_else_is_refused_and_its_first_owner_goes_on(world: World) -> None:
    """S3-30, S3-32: the same anchor with another subject. Whoever gets somebody's address locks nobody out."""
    await world.change_provider(claims=ClaimSettings(anchor=("email",)))
    world.idp.add_person("kim", subject="s-kim", email="kim@acme.example")
    await world.sign_in("kim")
    world.idp.add_person("kim", subject="s-successor", email="kim@acme.example")
    with pytest.raises(LoginFailed) as refused:
        await world.sign_in("kim")
    assert (refused.value.code, refused.value.status) == ("SUBJECT_CHANGED", 403)
    world.idp.add_person("kim", subject="s-kim", email="kim@acme.example")
    await world.sign_in("kim")
    live = "select count(*) from session where tenant_id = $1 and ended_at is null"
    assert await world.fetchval(live, world.tenant.id) == 2
