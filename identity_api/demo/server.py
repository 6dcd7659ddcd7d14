"""The demo provider as a process of its own.

Granian's embedded server, because state is in memory and so there may be only one process; it is ready in well under
a tenth of a second after the imports.
"""

import asyncio
import signal
import socket

from granian.constants import Interfaces
from granian.server.embed import Server

from identity_api.demo.app import create_demo_provider
from identity_api.demo.config import DemoConfig, is_loopback
from identity_api.errors import ConfigurationError


async def serve_demo(config: DemoConfig, host: str, port: int, *, stop: asyncio.Event) -> None:
    """Serve until `stop` is set.

    Raises:
        ConfigurationError: `host` is not loopback, the address is taken, or the configuration cannot be used.
    """
    if not is_loopback(host):
        # Anybody who reaches it can sign in as anybody.
        raise ConfigurationError(["the demo provider listens on loopback addresses only"])
    address = "127.0.0.1" if host == "localhost" else host.strip("[]")
    _require_free(address, port)
    app = create_demo_provider(config)
    server = Server(app, address=address, port=port, interface=Interfaces.ASGI, websockets=False, log_enabled=False)
    serving = asyncio.create_task(server.serve())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    server.stop()  # type: ignore[no-untyped-call]  # Granian leaves this method without annotations
    await serving


def _require_free(address: str, port: int) -> None:
    # Granian shares a port that another Granian has, and the system would spread requests over two providers with
    # different keys. A plain socket is refused.
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free
        try:
            probe.bind((address, port))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ConfigurationError([f"the demo provider cannot listen on port {port}: {reason}"]) from None


def run_demo_provider(config: DemoConfig, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT, then return. Raises ConfigurationError as `serve_demo` does."""

    async def main() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await serve_demo(config, host, port, stop=stop)

    asyncio.run(main())
