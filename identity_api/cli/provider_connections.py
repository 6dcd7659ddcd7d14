"""Connections from the command line to providers, with the same outbound allowances as the service."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from identity_api.cli.providers import allowed_targets
from identity_api.config import Settings
from identity_api.relying_party.connection import Documents
from identity_api.upstream.exchange import Upstream
from identity_api.upstream.keys import provider_documents


@asynccontextmanager
async def upstream_for(settings: Settings) -> AsyncIterator[Upstream]:
    """Sends requests to providers; closed after the block."""
    upstream = Upstream(allow=allowed_targets(settings))
    try:
        yield upstream
    finally:
        await upstream.aclose()


@asynccontextmanager
async def provider_documents_for(settings: Settings) -> AsyncIterator[Documents]:
    """Fetches the providers' documents."""
    async with upstream_for(settings) as upstream:
        documents = provider_documents(upstream, monotonic=time.monotonic)
        try:
            yield documents
        finally:
            await documents.aclose()
