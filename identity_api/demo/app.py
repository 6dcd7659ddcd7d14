"""Wiring of the demo provider: one `DemoProvider` behind its routes."""

from urllib.parse import urlsplit

from litestar import Litestar
from litestar.config.allowed_hosts import AllowedHostsConfig
from litestar.datastructures import State
from litestar.di import Provide

from identity_api.demo.config import DemoConfig
from identity_api.demo.oidc_routes import oidc_router
from identity_api.demo.people_routes import people_router
from identity_api.demo.provider import DemoProvider

_MAX_BODY_BYTES = 64 * 1024


def create_demo_provider(config: DemoConfig, provider: DemoProvider | None = None) -> Litestar:
    """The demo provider as an ASGI application.

    Args:
        config: see `DemoConfig`.
        provider: use this one (a subclass, say) instead of making one from `config`.

    Raises:
        ConfigurationError: the configuration or the state file cannot be used.
    """
    served = provider or DemoProvider(config)
    return Litestar(
        route_handlers=[oidc_router(), people_router()],
        dependencies={"provider": Provide(lambda: served, sync_to_thread=False, use_cache=True)},
        state=State({"provider": served}),
        allowed_hosts=AllowedHostsConfig(allowed_hosts=_own_hosts(config.issuer), www_redirect=False),
        openapi_config=None,
        request_max_body_size=_MAX_BODY_BYTES,
        logging_config=None,
    )


def _own_hosts(issuer: str) -> list[str]:
    """The accepted values of `Host`. Any other name was made to resolve to this machine by a website (DNS rebinding)."""
    parts = urlsplit(issuer)
    port = "" if parts.port is None else f":{parts.port}"
    return [parts.netloc, *(f"{host}{port}" for host in ("127.0.0.1", "localhost", "[::1]"))]
