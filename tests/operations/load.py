"""People at work: they sign in, ask who they are and search users, and an admin edits mappings."""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, Self

import httpx

from tests.faults.installation import Installation
from tests.faults.waiting import PATIENCE_SECONDS, until
from tests.flows.browser import Browser

USERS = "{ viewer { user { email } } users(first: 20) { edges { node { username permissions { name } } } } }"
_PERMISSIONS = "{ permissions(first: 100) { edges { node { id name } } } }"
_CREATE = (
    "mutation ($input: CreateGroupMappingInput!) { createGroupMapping(input: $input) "
    "{ ... on Problem { code } ... on GroupMappingSaved { mapping { id version } } } }"
)
_DELETE = (
    "mutation ($input: DeleteGroupMappingInput!) { deleteGroupMapping(input: $input) { ... on Problem { code } } }"
)


class Load:
    """Everything that goes on at one address of an installation, while an `async with` block runs.

    `answers` counts what came back by kind and status; status 0 is a connection that ended without an answer. `wrong` has
    answers that no fault excuses.
    """

    def __init__(self, installation: Installation, names: Sequence[str], *, pause: float = 0.0) -> None:
        self.installation, self.names, self._pause = installation, list(names), pause
        self.answers: Counter[tuple[str, int]] = Counter()
        self.wrong: list[str] = []
        self.signed_in: Counter[str] = Counter()
        """How often each person's browser came to the account page."""
        self.unanswered: Counter[str] = Counter()
        """Why there was no answer, and from which address."""
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._stack = AsyncExitStack()
        self._random = random.Random(1)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks)
        await self._stack.aclose()

    def failed(self) -> dict[tuple[str, int], int]:
        """The answers that say no, or that never came."""
        return {one: number for one, number in self.answers.items() if one[1] not in (200, 302, 303)}

    async def more(self, kind: str, number: int, within: float = 120) -> None:
        """Wait for so many more answers of this kind."""
        wanted = self.count(kind) + number
        await until(lambda: self.count(kind) >= wanted, within=within)

    def count(self, kind: str) -> int:
        return sum(number for one, number in self.answers.items() if one[0] == kind)

    def sign_in(self, workers: int) -> None:
        """So many browsers, each of which signs one person in after the other."""
        turn = itertools.cycle(self.names)

        async def once() -> None:
            name = next(turn)
            self.answers["login", await asyncio.to_thread(self._arrive, name)] += 1

        for _ in range(workers):
            self._repeat(once)

    def _arrive(self, name: str) -> int:
        origin = self.installation.url_of_api
        with Browser() as browser:
            browser.wait_patiently()
            try:
                browser.leave_for_provider(f"{origin}/login")
                page = browser.press(name.title())
            except httpx.TransportError as error:
                self._note(error)
                return 0
            except (AssertionError, LookupError):
                return browser.page.status
            if page.url == f"{origin}/account":
                self.signed_in[name] += 1
                return 200
            return page.status

    async def ask(self, kind: str, tokens: dict[str, str], workers: int, *, with_search: bool = True) -> None:
        """So many connections that are kept open, over which holders of these tokens ask who they are.

        Args:
            tokens: bearer tokens by the person's name at the provider, whose address the answer has to name.
        """
        port = self.installation.ports[0]
        client = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}",
            headers={"host": f"{self.installation.host}:{port}", "accept": "application/json"},
            timeout=PATIENCE_SECONDS,
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=workers, max_connections=workers),
        )
        await self._stack.enter_async_context(client)
        turn = itertools.cycle(tokens.items())

        async def once() -> None:
            name, token = next(turn)
            headers = {"authorization": f"Bearer {token}"}
            is_search = with_search and self._random.random() < 0.5
            try:
                if is_search:
                    answer = await client.post("/graphql", json={"query": USERS}, headers=headers)
                else:
                    answer = await client.get("/v1/me", headers=headers)
            except httpx.TransportError as error:
                self._note(error)
                self.answers[kind, 0] += 1
                return
            self.answers[kind, answer.status_code] += 1
            self._judge(kind, name, answer)

        for _ in range(workers):
            self._repeat(once)

    def _note(self, error: httpx.TransportError) -> None:
        self.unanswered[f"{type(error).__name__} at {error.request.url.copy_with(query=None)}: {error}"] += 1

    def _judge(self, kind: str, name: str, answer: httpx.Response) -> None:
        if answer.status_code == 200 and f'"{name}@' not in answer.text:
            self.wrong.append(f"{kind}: {name} was told {answer.text[:200]}")
        if answer.status_code not in (200, 500, 502, 503, 504):
            self.wrong.append(f"{kind}: {name} got {answer.status_code}: {answer.text[:200]}")

    def edit(self, admin: Callable[[], Awaitable[str]], groups: Sequence[str]) -> None:
        """An admin makes mappings for these groups, and deletes what they made.

        Args:
            admin: opens a session that may change mappings.
        """
        made: list[dict[str, Any]] = []

        async def once() -> None:
            token = await admin()
            if len(made) >= len(groups):
                mapping = made.pop(0)
                await self._mutate(token, _DELETE, {"id": mapping["id"], "version": mapping["version"]})
                return
            body = await self._data(token, _PERMISSIONS, {})
            if body is None or body["permissions"] is None:  # the errors beside it are judged already
                return
            permissions = [one["node"]["id"] for one in body["permissions"]["edges"] if ":" in one["node"]["name"]]
            pattern = groups[self._random.randrange(len(groups))]
            given = {"pattern": pattern, "permissions": [self._random.choice(permissions)]}
            done = await self._mutate(token, _CREATE, given)
            if done is not None and "mapping" in (done["createGroupMapping"] or {}):
                made.append(done["createGroupMapping"]["mapping"])

        self._repeat(once, pause=0.5)

    async def _mutate(self, token: str, mutation: str, given: dict[str, Any]) -> Any:
        return await self._data(token, mutation, {"input": given})

    async def _data(self, token: str, query: str, variables: dict[str, Any]) -> Any:
        status, body = await self.installation.graphql(token, query, **variables)
        self.answers["edit", status] += 1
        if status == 200 and body.get("errors"):
            codes = {error.get("extensions", {}).get("code") for error in body["errors"]}
            if codes - {"UNAVAILABLE", "DATABASE_UNAVAILABLE", "OVERLOADED", "TIMEOUT"}:
                self.wrong.append(f"edit: {body['errors']}")
        return body.get("data")

    def repeat(self, once: Callable[[], Awaitable[None]], *, pause: float) -> None:
        """Something of the caller's own, again and again with pauses."""
        self._repeat(once, pause=pause)

    def _repeat(self, once: Callable[[], Awaitable[None]], *, pause: float | None = None) -> None:
        async def run() -> None:
            while not self._stop.is_set():
                await once()
                await asyncio.sleep(self._pause if pause is None else pause)

        self._tasks.append(asyncio.create_task(run()))
