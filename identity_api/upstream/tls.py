"""TLS settings for outbound connections: always verified, at least TLS 1.2 (RFC 9325 section 3.1.1)."""

import ssl
from functools import lru_cache


@lru_cache(maxsize=64)
def verifying_context(
    *, ca_pem: str | None = None, certificate_file: str | None = None, key_file: str | None = None
) -> ssl.SSLContext:
    """A context that checks chain and host name. Cached: building one with the system's roots takes some 50 ms.

    Args:
        ca_pem: certificates to trust instead of the system's, not in addition to them.
        certificate_file: our certificate chain for mutual TLS (RFC 8705), with its key in it or in `key_file`.

    Raises:
        OSError, ssl.SSLError: a certificate or key cannot be read.
    """
    context = ssl.create_default_context(cadata=ca_pem)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate_file is not None:
        context.load_cert_chain(certificate_file, key_file)
    return context


def require_verifying(context: ssl.SSLContext) -> None:
    """Raise ValueError for a context that would accept any certificate or any host: there is no switch for that."""
    if context.verify_mode != ssl.CERT_REQUIRED or not context.check_hostname:
        raise ValueError("outbound TLS contexts must verify the certificate and the host name")
