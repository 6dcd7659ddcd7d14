"""`serve` and `worker` as an operator runs them, with a canary in every secret, and everything that they leave behind."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from redis import Redis

from identity_api.embedded import children
from identity_api.ids import new_token
from tests.cli.conftest import SCRIPT, ask, clean_environment, new_key
from tests.flows.product import eventually
from tests.openid_provider import Client, RunningProvider
from tests.ports import free_ports

DATABASE_NUMBER = 7
"""Of the Valkey that other tests of this process use too."""


@dataclass
class Canaries:
    """What must be found nowhere, by what it is."""

    secrets: dict[str, str] = field(default_factory=dict)
    personal: dict[str, str] = field(default_factory=dict)

    def add(self, what: str, value: str | None) -> None:
        """Another secret that was seen on its way. Short values would be found by chance."""
        if value is not None and len(value) >= 16:
            self.secrets[f"{what} #{len(self.secrets)}"] = value

    def found_in(self, text: str, *, personal: bool = False) -> list[str]:
        """What of them is in the text, as it is or percent-encoded."""
        wanted = {**self.secrets, **(self.personal if personal else {})}
        return [what for what, value in wanted.items() if value in text or quote(value, safe="") in text]


@dataclass
class Deployment:
    """The running processes, the provider, and where they write."""

    folder: Path
    port: int
    environment: dict[str, str]
    database_url: str
    redis: "Redis[bytes]"
    idp: RunningProvider
    canaries: Canaries
    traces: bytearray
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    queued: str = ""
    """Contents of Valkey, put together over time."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self, *arguments: object) -> str:
        """Run the command line to its end; what it prints."""
        done = subprocess.run(
            [SCRIPT, *map(str, arguments)], capture_output=True, env=self.environment, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def start(self, name: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as output:
            self.processes[name] = children.spawn(
                [SCRIPT, name], environment=self.environment, death_signal=signal.SIGTERM, output=output
            )

    def log(self, name: str) -> str:
        """What a process has written on either stream."""
        return (self.folder / f"{name}.log").read_text("utf-8", "replace")

    @contextmanager
    def paused_worker(self) -> Iterator[None]:
        """What is queued stays queued."""
        os.kill(self.processes["worker"].pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.processes["worker"].pid, signal.SIGCONT)

    def look_into_queue(self) -> str:
        """Every key of Valkey with its type and value."""
        found = []
        for key in self.redis.scan_iter(count=1_000):
            kind = self.redis.type(key)
            if kind == b"none":  # gone meanwhile: counters of rate limits expire
                continue
            value: Any = {
                b"string": self.redis.get,
                b"zset": lambda one: self.redis.zrange(one, 0, -1, withscores=True),
                b"hash": self.redis.hgetall,
                b"list": lambda one: self.redis.lrange(one, 0, -1),
                b"set": self.redis.smembers,
                b"stream": self.redis.xrange,
            }[kind](key)
            found.append(f"{key!r} {kind!r} {value!r}")
        shown = "\n".join(found)
        self.queued += shown
        return shown

    def rows(self, statement: str, *values: Any) -> list[Any]:
        """Ask the database on a connection of its own."""
        return list(ask(self.database_url, statement, *values))

    def tables(self) -> dict[str, str]:
        """Every table's rows as text; binary values in hexadecimal."""
        names = self.rows("select tablename::text as name from pg_tables where schemaname = 'public'")
        return {
            one["name"]: "\n".join([row[0] for row in self.rows(f'select t::text from "{one["name"]}" t')])
            for one in names
        }


@contextmanager
def deployed(folder: Path, database_url: str, redis_url: str) -> Iterator[Deployment]:
    """Start it all. Names, addresses and every secret of the operator's are canaries."""
    canaries = Canaries()
    password, redis_password = new_token("dsn"), new_token("dsn")
    key = new_key("k1")
    for what, value in [
        ("the database's password", password),
        ("Redis's password", redis_password),
        ("the key ring", key.partition(":")[2]),
    ]:
        canaries.add(what, value)
    path = redis_url.removeprefix("unix://")
    with Redis.from_url(redis_url, db=DATABASE_NUMBER) as redis:
        redis.execute_command("ACL", "SETUSER", "canary", "on", f">{redis_password}", "~*", "&*", "+@all")
        [port] = free_ports(1)
        callback = f"http://127.0.0.1:{port}/auth/oidc/sso/callback"
        with RunningProvider() as idp, _collector() as (traces, otlp), idp_recorded(idp, canaries):
            idp.register(
                Client(
                    client_id=idp.client_id,
                    redirect_uris=(callback,),
                    client_secret=idp.client_secret,
                    post_logout_redirect_uris=(f"http://127.0.0.1:{port}/auth/logout/return",),
                )
            )
            canaries.add("the client secret", idp.client_secret)
            settings = {
                "IDENTITY_DATABASE_URL": database_url.replace("://app@", f"://app:{password}@"),
                "IDENTITY_REDIS_URL": f"unix://canary:{redis_password}@{path}?db={DATABASE_NUMBER}",
                "IDENTITY_SECRET_KEYS": key,
                "IDENTITY_PUBLIC_URL": f"http://127.0.0.1:{port}",
                "IDENTITY_PORT": str(port),
                "IDENTITY_OUTBOUND_ALLOW": f"127.0.0.1:{idp.port}",
                "IDENTITY_LOG_LEVEL": "debug",
                "IDENTITY_OTLP_ENDPOINT": otlp,
                "IDENTITY_DATA_DIR": str(folder),
                "OTEL_BSP_SCHEDULE_DELAY": "200",
            }
            assert password in settings["IDENTITY_DATABASE_URL"]
            environment = clean_environment(**settings)
            deployment = Deployment(folder, port, environment, database_url, redis, idp, canaries, traces)
            try:
                for name in ("serve", "worker"):
                    deployment.start(name)
                eventually(lambda: _is_ready(deployment), within=60)
                yield deployment
                for name in ("worker", "serve"):
                    process = deployment.processes[name]
                    process.send_signal(signal.SIGTERM)
                    assert process.wait(40) == 0, deployment.log(name)
            finally:
                for process in deployment.processes.values():
                    children.stop(process, (signal.SIGTERM, 10.0))
                redis.flushdb()
                redis.execute_command("ACL", "DELUSER", "canary")


def _is_ready(deployment: Deployment) -> bool:
    for name, process in deployment.processes.items():
        assert process.poll() is None, deployment.log(name)
    try:
        answer = httpx.get(f"{deployment.url}/health/ready", trust_env=False)
    except httpx.TransportError:
        return False
    return answer.status_code == 200 and answer.json()["queue"] == "ok"


@contextmanager
def idp_recorded(idp: RunningProvider, canaries: Canaries) -> Iterator[None]:
    """Note every code and token that the provider gives out."""
    provider = idp._provider
    for owner, name, what in [
        (provider.logins, "add_code", "an authorization code"),
        (provider.logins, "add_family", "a refresh token"),
        (provider.logins, "rotate", "a refresh token"),
        (provider.keys, "sign", "an ID Token or access token"),
    ]:
        setattr(owner, name, _noting(getattr(owner, name), what, canaries))
    yield


def _noting(give: Callable[..., Any], what: str, canaries: Canaries) -> Callable[..., Any]:
    def noting(*arguments: Any, **named: Any) -> Any:
        given = give(*arguments, **named)
        canaries.add(what, given)
        return given

    return noting


@contextmanager
def _collector() -> Iterator[tuple[bytearray, str]]:
    """Something that takes OTLP over HTTP and keeps what it is sent."""
    received = bytearray()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.extend(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield received, f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
