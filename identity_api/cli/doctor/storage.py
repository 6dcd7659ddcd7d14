"""Database and Redis: reachable, of the right kind, and used as they should be."""

import socket
import ssl
from datetime import UTC, datetime
from typing import Any

import asyncpg
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from identity_api import limits
from identity_api.cli.doctor.finding import Finding, fail, ok, warn
from identity_api.db import inspection, sync_health
from identity_api.db.database import Database
from identity_api.db.health import writing
from identity_api.db.migrate import OLDEST_POSTGRESQL, check_schema
from identity_api.errors import ConfigurationError, Unavailable

SLOW_CLOCK_SECONDS = 2.0
WRONG_CLOCK_SECONDS = 30.0
UNSEALED_SECONDS = 60.0
OVERDUE_SECONDS = 300.0


async def examine_database(database: Database) -> list[Finding]:
    """Check version, clock and schema, and whether the database can be written.

    Raises:
        Unavailable: it does not answer.
    """
    async with database.reading() as connection:
        before = datetime.now(UTC)
        server = await inspection.server(connection)
        after = datetime.now(UTC)
        findings = [_version(server.version, server.version_text), _clock(server.clock, before, after)]
        try:
            newer = await check_schema(connection)
        except ConfigurationError as error:
            return findings + [fail("schema", problem) for problem in error.problems]
        findings.append(ok("schema", "a newer version's, which this one works with." if newer else "this version's."))
    return [*findings, await _write(database)]


async def examine_worker(database: Database) -> list[Finding]:
    """Whether a worker does the background work."""
    async with database.reading() as connection:
        unsealed = await inspection.oldest_unsealed_seconds(connection)
        overdue = await sync_health.oldest_due_seconds(connection)
    late = []
    if unsealed > UNSEALED_SECONDS:
        late.append(f"an audit event waits to be sealed for {unsealed:.0f} s")
    if overdue > OVERDUE_SECONDS:
        late.append(f"a sync is overdue by {overdue:.0f} s")
    if late:
        return [fail("worker", f"{' and '.join(late)}. Start `identity-api worker`, or read its log.")]
    return [ok("worker", "nothing that a worker does is late.")]


def _why_not(error: Exception) -> str:
    cause: BaseException | None = error
    while cause is not None:  # redis-py wraps what ended its connection
        if isinstance(cause, AuthenticationError):
            return "it refuses user or password."
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not accepted: {cause.verify_message}."
        if isinstance(cause, socket.gaierror):
            return "its host is not known by that name."
        cause = cause.__cause__ or cause.__context__
    return f"it does not answer ({type(error).__name__})."


async def examine_redis(url: str) -> list[Finding]:
    """Whether it answers, and whether it would evict queued jobs."""
    client = limits.connect(url)
    try:
        await client.ping()
        memory: dict[str, Any] = await client.info("memory")
        cluster: dict[str, Any] = await client.info("cluster")
    except NoPermissionError:
        return [warn("redis", "it answers; its user may not run INFO or PING, so whether it evicts keys is not known.")]
    except (RedisError, OSError, TimeoutError) as error:
        return [fail("redis", f"{_why_not(error)} Look at IDENTITY_REDIS_URL and at the server.")]
    finally:
        await client.aclose()
    if cluster.get("cluster_enabled"):
        return [
            fail("redis", "it is a node of a Redis Cluster, which the queue cannot use. Name one server, or Sentinels.")
        ]
    policy = memory.get("maxmemory_policy", "noeviction")
    if memory.get("maxmemory") and policy != "noeviction":
        return [warn("redis", f"it evicts keys ({policy}): wake-ups get lost. Set maxmemory-policy to noeviction.")]
    return [ok("redis", "it answers.")]


def _version(version: int, text: str) -> Finding:
    if version // 10_000 < OLDEST_POSTGRESQL:
        return fail("database", f"it is PostgreSQL {text}; {OLDEST_POSTGRESQL} or newer is needed.")
    return ok("database", f"PostgreSQL {text} answers.")


def _clock(theirs: datetime, before: datetime, after: datetime) -> Finding:
    # The query took from `before` to `after`; any time in between is right.
    seconds = max((before - theirs).total_seconds(), (theirs - after).total_seconds(), 0.0)
    message = f"the database's differs from this machine's by {seconds:.1f} s."
    if seconds > WRONG_CLOCK_SECONDS:
        return fail("clock", f"{message} Tokens will be judged wrongly: run a time service on both.")
    if seconds > SLOW_CLOCK_SECONDS:
        return warn("clock", f"{message} Run a time service on both.")
    return ok("clock", message)


async def _write(database: Database) -> Finding:
    try:
        async with database.reading() as connection:
            if await writing(connection) == "full":
                return fail("database", "its disk is full: nothing can be changed until it has space again.")
        async with database.transaction() as connection:
            await inspection.try_write(connection)
    except Unavailable:
        return fail("database", "it cannot be written to: it is a standby, or read-only after a failover.")
    except asyncpg.InsufficientPrivilegeError:
        return fail("database", "this user may not write. Grant it the rights of the tables' owner.")
    return ok("database", "it can be written to.")
