"""TLS settings for outbound connections: always verified, at least TLS 1.2 (RFC 9325 section 3.1.1)."""

import ssl
import tempfile
from functools import lru_cache
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108  # only asked whether it is there; files in it have unguessable names and mode 0600


@lru_cache(maxsize=1024)
def verifying_context(
    *,
    ca_pem: str | None = None,
    certificate_file: str | None = None,
    key_file: str | None = None,
    certificate_pem: str | None = None,
) -> ssl.SSLContext:
    """A context that checks chain and host name. Cached: building one with the system's roots takes some 50 ms.

    Args:
        ca_pem: certificates to trust instead of the system's, not in addition to them.
        certificate_file: our certificate chain for mutual TLS (RFC 8705), with its key in it or in `key_file`.
        certificate_pem: the same as a text, chain and key in one.

    Raises:
        OSError, ssl.SSLError: a certificate or key cannot be read.
    """
    context = ssl.create_default_context(cadata=ca_pem)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate_file is not None:
        context.load_cert_chain(certificate_file, key_file)
    if certificate_pem is not None:
        _load_chain(context, certificate_pem)
    return context


def _load_chain(context: ssl.SSLContext, pem: str) -> None:
    """Python's ssl module reads keys only from files: a private file, in memory if possible, removed at once."""
    with tempfile.NamedTemporaryFile("w", dir=_MEMORY if _MEMORY.is_dir() else None) as file:
        file.write(pem)
        file.flush()
        context.load_cert_chain(file.name, password=_no_password)


def _no_password() -> str:
    """Raises instead of asking at the terminal for an encrypted key's password."""
    raise ssl.SSLError("the key is encrypted")


def require_verifying(context: ssl.SSLContext) -> None:
    """Raise ValueError for a context that would accept any certificate or any host: there is no switch for that."""
    if context.verify_mode != ssl.CERT_REQUIRED or not context.check_hostname:
        raise ValueError("outbound TLS contexts must verify the certificate and the host name")
