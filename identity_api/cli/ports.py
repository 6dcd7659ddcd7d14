"""Check that the configured addresses are free to listen on, before anything is started."""

import errno
import socket

from identity_api.errors import ConfigurationError


def numeric_address(host: str) -> str:
    """The address of a host name or literal, in the form that the server needs.

    Raises:
        ConfigurationError: the name does not resolve.
    """
    try:
        found = socket.getaddrinfo(host.strip("[]"), None, type=socket.SOCK_STREAM)
    except OSError:
        raise ConfigurationError([f"IDENTITY_HOST: {host} is not an address of this machine."]) from None
    # IPv4 first: `localhost` is both, and the URL that is printed says 127.0.0.1.
    return str(min(found, key=lambda one: one[0] != socket.AF_INET)[4][0])


def is_free(host: str, port: int) -> bool:
    """Whether this process could listen there."""
    try:
        require_free(host, port, "us", "")
    except ConfigurationError:
        return False
    return True


def require_free(host: str, port: int, what: str, remedy: str) -> None:
    """Check that no process listens there.

    Granian would share the port with another Granian, and the system would spread requests over both; a plain socket is
    refused.

    Args:
        what: the user of the port, as in "the API".
        remedy: what to do if it is taken, a sentence.

    Raises:
        ConfigurationError: a process listens there, or listening is not allowed.
    """
    address = numeric_address(host)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free
        try:
            probe.bind((address, port))
            probe.listen(1)
        except PermissionError:
            raise ConfigurationError([f"This user may not listen on port {port}, for {what}. {remedy}"]) from None
        except OSError as error:
            reason = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
            raise ConfigurationError([f"Port {port} on {address}, for {what}, {reason}. {remedy}"]) from None
