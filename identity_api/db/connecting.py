"""Why there is no connection to the database, as an error that says what is to be done.

A server that is down is waited for. A setting that no server could agree with is a `ConfigurationError`, and nothing waits.
"""

import os
import socket
import ssl
from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import asyncpg

from identity_api.errors import ConfigurationError, Unavailable

FAILURES: Final = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresError,
    # The driver's parser, and Python's for host names, raise these as they are.
    ValueError,
    OverflowError,
)
"""Every way in which connecting ends that this module can tell."""
_FILES: Final = ("sslrootcert", "sslcert", "sslkey", "sslcrl", "passfile")
"""Parameters of the URL that name files: PostgreSQL, libpq, "Parameter Key Words"."""
_ON_THE_WAY: Final = (ConnectionError, TimeoutError, socket.gaierror)
"""Files were read before."""


def not_connected(url: str, error: BaseException) -> Unavailable | ConfigurationError:
    """What one of `FAILURES` means for this URL; repeats nothing of it but the host and names of parameters."""
    if isinstance(error, asyncpg.ClientConfigurationError):
        # The driver names the parameter and what it may be, in its first line.
        return _misconfigured(str(error).partition("\n")[0])
    if isinstance(error, ValueError | OverflowError) and not isinstance(error, OSError):
        return _misconfigured("its host, its port or one of its parameters is not valid")
    parts = urlsplit(url)
    if parts.netloc.count("@") > 1:  # the driver takes the first for the last
        return _misconfigured("an @ in the username or the password is written %40")
    given = parse_qs(parts.query)
    if not isinstance(error, _ON_THE_WAY):
        for name in _FILES:
            if name in given and not (os.path.isfile(given[name][-1]) and os.access(given[name][-1], os.R_OK)):
                return _misconfigured(f"the file that {name} names is missing, or this user may not read it")
    if type(error) is ssl.SSLError and (error.library == "X509" or "PEM lib" in str(error)):
        return _misconfigured(
            "a file that it names, or one in .postgresql in HOME, holds no certificate or key in PEM, or the key is of"
            " another certificate"
        )
    return Unavailable(_sentence(*_place(parts, given), error), code="DATABASE_UNAVAILABLE")


def _place(parts: SplitResult, given: Mapping[str, list[str]]) -> tuple[str, str]:
    """The host, and where it was looked for: with the port, unless the URL names several."""
    host = unquote(parts.hostname or given.get("host", [""])[-1])
    if not host or host.startswith("/"):
        return host, "the socket"
    if "," in parts.netloc or "," in host:
        return host, host
    port = parts.port or given.get("port", ["5432"])[-1]
    return host, f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _misconfigured(problem: str) -> ConfigurationError:
    return ConfigurationError([f"IDENTITY_DATABASE_URL: {problem}"])


def _sentence(host: str, place: str, error: BaseException) -> str:
    if isinstance(error, asyncpg.PostgresError) and not isinstance(error, asyncpg.PostgresConnectionError):
        # Wrong password, database name or rights: the server's message says which, and contains no secret.
        return f"The database at {place} refuses the connection: {error}."
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The certificate of the database at {place} is not accepted: {error.verify_message}."
    if isinstance(error, ssl.SSLError) or "rejected SSL upgrade" in str(error):
        return f"The database at {place} does not speak TLS as the URL's sslmode asks for."
    if isinstance(error, socket.gaierror):
        return f"No host is known by the name of the database's, {host}."
    if isinstance(error, PermissionError):
        return (
            "This user may not use the database's socket, or not read a file that every connection looks for"
            " (.pgpass and .postgresql in HOME)."
        )
    return f"The database at {place} does not answer."
