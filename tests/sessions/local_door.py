"""The way in with a local password, as a test goes through it."""

from dataclasses import dataclass, field
from typing import Any

from identity_api.errors import Unavailable
from identity_api.sessions.authenticate import Authenticated, authenticate
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.deps import LoginLimits, LoginRequest, LoginResult
from identity_api.sessions.login.password_login import LocalSignIn, PasswordLoginDeps, sign_in
from tests.accounts.local_world import PASSWORD, LocalWorld

ORIGIN = "https://id.acme.example"
COOKIE = "__Host-session"


@dataclass
class Address:
    """Counts what is asked of it, and refuses where it is told to."""

    refuses: bool = False
    asked: list[str] = field(default_factory=list)

    async def check(self) -> None:
        self.asked.append("check")
        if self.refuses:
            raise Unavailable("Too many tries from here.", code="RATE_LIMITED")

    async def failed(self) -> None:
        self.asked.append("failed")


class Door:
    """The world, with its way in."""

    def __init__(self, world: LocalWorld) -> None:
        self.world = world

    def deps(self, **limits: Any) -> PasswordLoginDeps:
        return PasswordLoginDeps(accounts=self.world.deps, limits=LoginLimits(**limits))

    async def sign_in(
        self,
        username: str = "ada",
        password: str = PASSWORD,
        code: str | None = None,
        *,
        address: Address | None = None,
        limits: dict[str, Any] | None = None,
        **where: Any,
    ) -> LoginResult:
        cookies = where.pop("cookies", {})
        beginning = LoginRequest(**{"session_origin": ORIGIN, **where})
        given = LocalSignIn(username=username, password=password, code=code, beginning=beginning, cookies=cookies)
        return await sign_in(self.deps(**(limits or {})), self.world.tenant, given, address=address or Address())

    async def token(self, *arguments: Any, **more: Any) -> str:
        """Sign in; the session's token."""
        return (await self.sign_in(*arguments, **more)).set_cookies[0].value

    async def refusal(self, *arguments: Any, **more: Any) -> tuple[str, int, str] | None:
        """Code, status and message of a refused sign-in; None if it is not refused."""
        try:
            await self.sign_in(*arguments, **more)
        except LoginFailed as error:
            return error.code, error.status, error.message
        return None

    async def code_of(self, *arguments: Any, **more: Any) -> str | None:
        refusal = await self.refusal(*arguments, **more)
        return refusal[0] if refusal else None

    async def who(self, token: str) -> Authenticated | None:
        async with self.world.database.reading() as connection:
            return await authenticate(connection, token, idle_seconds=3_600)

    async def fail(self, times: int) -> None:
        for _ in range(times):
            assert await self.code_of(password="not this one") == "CREDENTIALS_REFUSED"

    async def pass_time(self, seconds: float) -> None:
        """Let the account's lock grow older."""
        await self.world.execute(
            "update local_account set locked_until = locked_until - make_interval(secs => $2) where tenant_id = $1",
            self.world.tenant.id,
            float(seconds),
        )

    async def locked_seconds(self) -> float | None:
        """How long the tenant's one account is locked for."""
        found = await self.world.fetchval(
            "select extract(epoch from locked_until - now()) from local_account where tenant_id = $1",
            self.world.tenant.id,
        )
        return None if found is None else float(found)
