"""A misbehaving OpenID Provider for tests: the demo provider on loopback, with faults that can be switched on.

    with RunningProvider() as provider:
        provider.set_groups("alice", ["support"])
        with provider.fault(Fault.WRONG_NONCE, person="alice"):
            ...

It runs in a thread of its own and speaks real HTTP. `faults` names what can go wrong; `misbehaving` is the subclass
that says wrong things; `wrapper` spoils whole answers; `http_server` can drop a connection, which ASGI servers
cannot; `log` remembers what was asked, without secrets; `browser` presses the buttons; `running` puts it together.
"""

from identity_api.demo.config import Client, Person, Rotation
from tests.openid_provider.browser import CallbackRequest
from tests.openid_provider.faults import Fault, Gate
from tests.openid_provider.log import Exchange, RequestLog
from tests.openid_provider.running import IssuedLogin, RunningProvider

__all__ = [
    "CallbackRequest",
    "Client",
    "Exchange",
    "Fault",
    "Gate",
    "IssuedLogin",
    "Person",
    "RequestLog",
    "Rotation",
    "RunningProvider",
]
