"""Examine every part. If one fails, only the checks that depend on it are skipped."""

import asyncio

from identity_api.cli.context import database_url, open_database, quiet_logs, read_settings
from identity_api.cli.doctor.finding import Finding, fail, ok, warn
from identity_api.cli.doctor.network import examine_api
from identity_api.cli.doctor.providers import examine_providers
from identity_api.cli.doctor.secrets import examine_ring
from identity_api.cli.doctor.storage import examine_database, examine_redis, examine_worker
from identity_api.cli.running_services import find_running
from identity_api.config import Settings
from identity_api.db.database import Database
from identity_api.errors import ConfigurationError, IdentityAPIError, Unavailable
from identity_api.upstream.addresses import AllowList


def examine() -> list[Finding]:
    """Every finding, in the order in which the parts depend on each other."""
    quiet_logs()
    try:
        settings = read_settings()
        running = find_running(settings.data_dir) if settings.database_url is None else None
        allowed = AllowList.parse([*settings.outbound_allow, *(running.outbound_allow if running else ())])
    except ConfigurationError as error:
        return [fail("settings", problem) for problem in error.problems]
    findings = [ok("settings", f"read; the public URL is {settings.public_url}.")]
    redis = settings.redis_url.reveal() if settings.redis_url else running.redis_url if running else None
    try:
        with database_url(settings) as url:
            findings += asyncio.run(_examine_deps(settings, allowed, url, redis))
    except IdentityAPIError as error:
        problems = error.problems if isinstance(error, ConfigurationError) else (error.message,)
        findings += [fail("database", problem) for problem in problems]
        findings += asyncio.run(_examine_redis(redis))
    return findings


async def _examine_deps(settings: Settings, allowed: AllowList, url: str, redis: str | None) -> list[Finding]:
    findings: list[Finding] = []
    database = Database(url, pool_size=4, pooling=settings.database_pooling)
    try:
        await open_database(database)
        stored = await examine_database(database)
        findings += stored
        if all(finding.level != "fail" for finding in stored):
            findings += await examine_worker(database)
            findings += await examine_ring(database, settings.secret_keys)
            findings += await examine_providers(database, settings, allowed)
    except Unavailable as error:
        findings.append(fail("database", f"{error.message} Look at IDENTITY_DATABASE_URL and at the server."))
    finally:
        await database.close()
    return findings + await _examine_redis(redis) + await examine_api(settings)


async def _examine_redis(redis: str | None) -> list[Finding]:
    if redis is None:
        return [warn("redis", "the embedded Valkey is not running; `dev` or `serve` starts it.")]
    return await examine_redis(redis)
