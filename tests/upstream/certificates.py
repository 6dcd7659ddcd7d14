"""A private certification authority, and certificates from it, for servers on loopback."""

import datetime
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Certificate:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def save(self, path: Path) -> str:
        """Certificate and key in one file, as `load_cert_chain` wants them."""
        key = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(self.pem.encode() + key)
        return str(path)


def issue(
    name: str, *, by: Certificate | None = None, hosts: tuple[str, ...] = (), days_valid: tuple[int, int] = (-1, 9)
) -> Certificate:
    """A certificate for `hosts` signed `by` an authority, or a self-signed authority."""
    now = datetime.datetime.now(datetime.UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + days_valid[0] * DAY)
        .not_valid_after(now + days_valid[1] * DAY)
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
    )
    if hosts:
        loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        names = [*(x509.DNSName(host) for host in hosts), loopback]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return Certificate(builder.sign(by.key if by else key, hashes.SHA256()), key)


def server_context(
    chain_file: str, *, ca_pem: str | None = None, maximum: ssl.TLSVersion | None = None
) -> ssl.SSLContext:
    """What a server presents. With `ca_pem` it demands a client certificate; `maximum` makes it an old server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain_file)
    if ca_pem is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=ca_pem)
    if maximum is not None:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = maximum
    return context
