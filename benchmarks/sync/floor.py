"""The floor of a sync: the requests that it makes and the checks of signatures, by the product's own parts, and nothing else."""

import asyncio
import os
import sys
import time
from datetime import UTC, datetime

import msgspec
import uvloop

from benchmarks.sync.provider import CLIENT_ID, CLIENT_SECRET
from identity_api.oidc.client_auth import ClientAuthentication
from identity_api.oidc.jwks import KeySet, allowed_algorithms, parse_key_set
from identity_api.oidc.messages import Request
from identity_api.oidc.signed_token import ID_TOKEN_TYPES, verify_signature
from identity_api.oidc.token_endpoint import Refreshed, read_refresh_response, refresh_request
from identity_api.oidc.userinfo import read_userinfo, userinfo_request
from identity_api.upstream.addresses import AllowList
from identity_api.upstream.exchange import Upstream


class Job(msgspec.Struct):
    """People with these numbers at one issuer, so many at a time."""

    base: str
    people: int
    concurrency: int
    seconds: float
    core: int


class Result(msgspec.Struct):
    """How many, and in what time."""

    synced: int
    seconds: float
    cpu_seconds: float


async def _one(upstream: Upstream, keys: KeySet, base: str, number: int) -> None:
    client = ClientAuthentication(client_id=CLIENT_ID, method="client_secret_post", client_secret=CLIENT_SECRET)
    request = refresh_request(f"{base}/token", client=client, refresh_token=f"rt.{number}.0")
    answer = await upstream.exchange(request, deadline=10, cap=512 * 1024, tenant="t", answer_seconds=30)
    outcome = read_refresh_response(answer, datetime.now(UTC))
    if not isinstance(outcome, Refreshed):
        return
    token, access_token = outcome.tokens.id_token, outcome.tokens.access_token
    if token is not None:
        verify_signature(token, keys, allowed_algorithms(["RS256"]), types=ID_TOKEN_TYPES)
    elif access_token is not None:
        request = userinfo_request(f"{base}/userinfo", access_token, accepts_jwt=False, method="GET")
        answer = await upstream.exchange(request, deadline=10, tenant="t")
        read_userinfo(answer, f"user{number}", datetime.now(UTC))


async def measure(job: Job) -> Result:
    """As many as there is time for."""
    host = job.base.split("/")[2]
    upstream = Upstream(allow=AllowList.parse([host]), connections=job.concurrency, per_origin=job.concurrency)
    found = await upstream.exchange(Request(method="GET", url=f"{job.base}/jwks", headers={}), deadline=10, tenant="t")
    keys, synced = parse_key_set(found.body), 0
    await _one(upstream, keys, job.base, 0)
    began, cpu = time.perf_counter(), time.process_time()
    until = began + job.seconds

    async def some(number: int) -> None:
        nonlocal synced
        while time.perf_counter() < until:
            await _one(upstream, keys, job.base, number % job.people)
            number += job.concurrency
            synced += 1

    await asyncio.gather(*[some(number) for number in range(job.concurrency)])
    result = Result(synced, time.perf_counter() - began, time.process_time() - cpu)
    await upstream.aclose()
    return result


if __name__ == "__main__":
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    os.sched_setaffinity(0, {job.core})
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(measure(job))))
