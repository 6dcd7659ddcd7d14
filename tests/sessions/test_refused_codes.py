"""One-time codes and waiting logins that give no session."""

import pytest

from identity_api.ids import new_tenant_token
from identity_api.oidc.authorization import code_challenge, new_code_verifier
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.deps import Redemption
from identity_api.sessions.token import redeem
from tests.sessions.browsers import (
    FRONTEND_URL,
    OTHER_CALLBACK,
    Browser,
    World,
    parameters_of,
)

pytestmark = pytest.mark.asyncio


async def test_a_waiting_login_is_handed_over_on_its_own_host_only(world: World) -> None:
    await world.change_provider(redirect_url=OTHER_CALLBACK)
    browser = Browser(world.deps)
    waiting = await browser.arrive(await world.idp.sign_in(await browser.go_to_provider(await world.begin()), "alice"))
    browser.jar["evil.example"] = dict(browser.cookies("id.acme.example"))
    with pytest.raises(LoginFailed) as refused:
        await browser.complete(waiting.location.replace("id.acme.example", "evil.example"))
    assert refused.value.code == "CODE_UNKNOWN"
    assert (await browser.complete(waiting.location)).kind == "SESSION"


async def code_and_verifier(world: World) -> tuple[str, str]:
    verifier = new_code_verifier()
    finished = await world.sign_in(return_to=FRONTEND_URL, delivery="code", client_challenge=code_challenge(verifier))
    return parameters_of(finished.location)["code"], verifier


@pytest.mark.parametrize(
    "change",
    [
        {"code_verifier": new_code_verifier()},
        {"code_verifier": "short"},
        {"code_verifier": "ü" * 43},
        {"frontend_slug": "other"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
)
async def test_a_code_presented_by_the_wrong_party_is_refused_and_used_up(world: World, change: dict[str, str]) -> None:
    code, verifier = await code_and_verifier(world)
    right = {"code": code, "code_verifier": verifier, "frontend_slug": "app", "origin": "https://app.acme.example"}
    with pytest.raises(LoginFailed) as refused:
        await redeem(world.deps, Redemption(**{**right, **change}))
    assert refused.value.code == "CODE_REFUSED"
    with pytest.raises(LoginFailed) as refused:
        await redeem(world.deps, Redemption(**right))
    assert refused.value.code == "LOGIN_USED"
    assert await world.count("session") == 0


async def test_a_code_is_refused_after_a_minute(world: World) -> None:
    code, verifier = await code_and_verifier(world)
    await world.execute("update one_time_code set expires_at = now() where tenant_id = $1", world.tenant.id)
    with pytest.raises(LoginFailed) as refused:
        await redeem(world.deps, Redemption(code=code, code_verifier=verifier))
    assert refused.value.code == "LOGIN_EXPIRED"


async def test_an_unknown_code_or_one_of_another_kind_is_refused(world: World) -> None:
    code, verifier = await code_and_verifier(world)
    with pytest.raises(LoginFailed) as refused:
        await redeem(world.deps, Redemption(code=new_tenant_token("oc", world.tenant.id), code_verifier=verifier))
    assert refused.value.code == "CODE_UNKNOWN"
    with pytest.raises(LoginFailed) as refused:
        await Browser(world.deps).complete(f"https://id.acme.example/auth/complete?code={code}")
    assert refused.value.code == "CODE_UNKNOWN"


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("update app_user set disabled_at = now() where tenant_id = $1", "ACCOUNT_DISABLED"),
        ("update identity set state = 'REVOKED' where tenant_id = $1", "LOGIN_ENDED"),
        ("update identity set state = 'QUARANTINED' where tenant_id = $1", "ACCOUNT_QUARANTINED"),
        ("update provider set enabled = false where tenant_id = $1", "PROVIDER_DISABLED"),
    ],
)
async def test_a_code_is_refused_when_its_login_has_ended_meanwhile(world: World, statement: str, code: str) -> None:
    one_time, verifier = await code_and_verifier(world)
    await world.execute(statement, world.tenant.id)
    with pytest.raises(LoginFailed) as refused:
        await redeem(world.deps, Redemption(code=one_time, code_verifier=verifier))
    assert refused.value.code == code
    assert await world.count("session") == 0
