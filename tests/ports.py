"""Ports for servers that are started by number.

A number that the system just gave out and took back is among those it gives to the next outgoing connection, of whichever
process: the server, started a moment later, then finds it in use. These are below that range.
"""

import random
import socket
from typing import Final

FIRST: Final = 20_000
"""Above those that browsers refuse to connect to."""
LAST: Final = 32_000
"""Linux gives outgoing connections 32,768 and above, RFC 6335 (section 6) those from 49,152."""
_CHOICE: Final = random.SystemRandom()


def free_port() -> int:
    """One on 127.0.0.1 that nobody listens on, and that no outgoing connection is given."""
    [port] = free_ports(1)
    return port


def free_ports(count: int) -> list[int]:
    """As many, all different."""
    found: list[int] = []
    for port in _CHOICE.sample(range(FIRST, LAST), LAST - FIRST):
        if len(found) == count:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                found.append(port)
    return found
