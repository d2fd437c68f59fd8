"""The service's own certificate authority and server certificate: made once, renewed before they end and when the
hosts it must name change.

The CA's certificate is what clients are told to trust (`keys/ca.pem`); its key never leaves `keys/`, 0600.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_CA_DAYS, _SERVER_DAYS, _RENEW_DAYS = 3650, 397, 30
_PREFIXES = ("", "api.", "env.", "ops.", "*.web.")
"""What stands before a host: nothing, what AWS clients put there, and the environments' own web hosts."""
_ADDRESSES = ("127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path


def ensure_identity(keys: Path, hosts: tuple[str, ...], now: dt.datetime) -> Identity:
    """A server identity good for localhost, these hosts and every form of them, signed by our CA."""
    ca = Identity(keys / "ca.pem", keys / "ca.key")
    server = Identity(keys / "server.pem", keys / "server.key")
    names = _names(hosts)
    if not _is_good(ca, now, frozenset()):
        _make_ca(ca, now)
        server.certificate.unlink(missing_ok=True)
    if not _is_good(server, now, names):
        _make_server(server, ca, names, now)
    return server


def _names(hosts: tuple[str, ...]) -> frozenset[str]:
    """Host names in all their forms, and addresses."""
    given = {"localhost", *_ADDRESSES, *(host.lower() for host in hosts if host)}
    addresses = {str(ipaddress.ip_address(name)) for name in given if _is_address(name)}
    plain = {name for name in given if not _is_address(name)}
    return frozenset(prefix + name for name in plain for prefix in _PREFIXES) | addresses


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_good(identity: Identity, now: dt.datetime, names: frozenset[str]) -> bool:
    """Whether both files are there, long enough valid, and the certificate names all of these."""
    if not (identity.certificate.is_file() and identity.key.is_file()):
        return False
    try:
        certificate = x509.load_pem_x509_certificate(identity.certificate.read_bytes())
    except ValueError:
        return False
    if certificate.not_valid_after_utc - now < dt.timedelta(days=_RENEW_DAYS):
        return False
    return names <= _names_of(certificate)


def _names_of(certificate: x509.Certificate) -> set[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    addresses = found.get_values_for_type(x509.IPAddress)
    return {*found.get_values_for_type(x509.DNSName), *map(str, addresses)}


def _make_ca(ca: Identity, now: dt.datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Aerodrome local CA")
    builder = _builder(name, name, key, now, _CA_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    _write(ca, key, builder.add_extension(usage, critical=True).sign(key, hashes.SHA256()))


def _make_server(server: Identity, ca: Identity, names: frozenset[str], now: dt.datetime) -> None:
    issuer = x509.load_pem_x509_certificate(ca.certificate.read_bytes())
    issuer_key = serialization.load_pem_private_key(ca.key.read_bytes(), None)
    assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)  # noqa: S101 - we wrote it
    key = ec.generate_private_key(ec.SECP256R1())
    alternatives = x509.SubjectAlternativeName([_alternative(name) for name in sorted(names)])
    builder = _builder(_name("Aerodrome"), issuer.subject, key, now, _SERVER_DAYS)
    builder = builder.add_extension(alternatives, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    builder = builder.add_extension(authority, critical=False)
    _write(server, key, builder.sign(issuer_key, hashes.SHA256()))


def _alternative(name: str) -> x509.GeneralName:
    return x509.IPAddress(ipaddress.ip_address(name)) if _is_address(name) else x509.DNSName(name)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: dt.datetime, days: int
) -> x509.CertificateBuilder:
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(identifier, critical=False)
    )


def _write(identity: Identity, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    """Key first, certificate last: a certificate that is there has its key."""
    plain = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    for path, data, mode in (
        (identity.key, secret, 0o600),
        (identity.certificate, certificate.public_bytes(serialization.Encoding.PEM), 0o644),
    ):
        temporary = path.with_name(path.name + ".new")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            file.write(data)
        temporary.replace(path)
