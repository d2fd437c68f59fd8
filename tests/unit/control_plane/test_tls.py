from __future__ import annotations

import datetime as dt
import socket
import ssl
import stat
import threading
from pathlib import Path

import pytest

from control_plane.tls import ensure_identity

NOW = dt.datetime.now(dt.UTC)


def shake(keys: Path, name: str, ca: Path) -> None:
    """A TLS handshake over a socket pair, the client trusting only `ca`. Raises ssl.SSLError."""
    identity = ensure_identity(keys, ("box.lan", "10.0.0.1"), NOW)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(identity.certificate, identity.key)
    ours, theirs = socket.socketpair()

    def answer() -> None:
        try:
            server.wrap_socket(theirs, server_side=True).close()
        except OSError:
            theirs.close()

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        client = ssl.create_default_context(cafile=str(ca))
        with client.wrap_socket(ours, server_hostname=name):
            pass
    finally:
        ours.close()
        thread.join()


@pytest.mark.parametrize(
    "name",
    [
        "localhost",
        "api.localhost",
        "env.localhost",
        "ops.localhost",
        "127.0.0.1",
        "::1",
        "api.box.lan",
        "box.lan",
        "my-env.web.localhost",
        "0-0123456789abcdef0123456789abcdef.web.box.lan",
        "10.0.0.1",
    ],
)
def test_clients_that_trust_our_ca_connect_when_the_name_is_one_of_ours(tmp_path: Path, name: str) -> None:
    shake(tmp_path, name, _ca(tmp_path))


def test_clients_refuse_when_the_name_is_another(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(tmp_path, "example.org", _ca(tmp_path))


def test_identity_is_kept_until_it_nears_its_end_or_a_name_is_missing(tmp_path: Path) -> None:
    first = ensure_identity(tmp_path, ("box.lan",), NOW).certificate.read_bytes()
    ca = (tmp_path / "ca.pem").read_bytes()
    assert (
        ensure_identity(tmp_path, ("box.lan",), NOW + dt.timedelta(days=300)).certificate.read_bytes()
        == first
    )
    renewed = ensure_identity(tmp_path, ("box.lan",), NOW + dt.timedelta(days=380)).certificate.read_bytes()
    assert renewed != first
    wider = ensure_identity(tmp_path, ("box.lan", "new.lan"), NOW).certificate.read_bytes()
    assert wider != renewed
    assert ensure_identity(tmp_path, ("box.lan", "10.0.0.9"), NOW).certificate.read_bytes() != wider
    assert (tmp_path / "ca.pem").read_bytes() == ca


def test_keys_are_readable_by_the_owner_only(tmp_path: Path) -> None:
    ensure_identity(tmp_path, (), NOW)
    for name in ("ca.key", "server.key"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def _ca(keys: Path) -> Path:
    ensure_identity(keys, ("box.lan", "10.0.0.1"), NOW)
    return keys / "ca.pem"
