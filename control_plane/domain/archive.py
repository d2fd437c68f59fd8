"""The archive of an environment: one zip file, of a format that has a number. Pure: bytes in, bytes out.

manifest.json   format, where it is from, the spec, and what became of the secrets
metadata.db     everything the cell knows (a SQLite database, whatever the cell keeps it in)
secrets.json    the key that variables and connections are encrypted with, itself encrypted with a passphrase;
                not there when secrets were left out, and then metadata.db has none either
"""

from __future__ import annotations

import base64
import io
import json
import os
import zipfile
from dataclasses import dataclass
from typing import Any, cast

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from control_plane.domain.environment import EnvironmentSpec
from control_plane.domain.errors import validation

FORMAT = 1
LEFT_OUT, SEALED = "left out", "sealed"
_MANIFEST, _METADATA, _SECRETS = "manifest.json", "metadata.db", "secrets.json"
_COST = 1 << 15


@dataclass(frozen=True, slots=True)
class Archive:
    """What is in one. `keys` None: secrets were left out."""

    environment: str
    exported_at: float
    spec: EnvironmentSpec
    metadata: bytes
    keys: str | None = None


def pack(archive: Archive, passphrase: str | None) -> bytes:
    """The file. With keys there must be a passphrase: they are in it encrypted, or not at all."""
    manifest = {
        "format": FORMAT,
        "environment": archive.environment,
        "exported_at": archive.exported_at,
        "spec": archive.spec,
        "secrets": LEFT_OUT if archive.keys is None else SEALED,
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(_MANIFEST, json.dumps(manifest, indent=1))
        file.writestr(_METADATA, archive.metadata)
        if archive.keys is not None:
            if not passphrase:
                raise ValueError("cannot pack secrets without a passphrase")
            file.writestr(_SECRETS, json.dumps(_seal(archive.keys, passphrase)))
    return buffer.getvalue()


def unpack(data: bytes, passphrase: str | None) -> Archive:
    """The inverse of `pack`. Raises ServiceError(VALIDATION) for what is no archive, or another passphrase."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            manifest: dict[str, Any] = json.loads(file.read(_MANIFEST))
            if manifest.get("format") != FORMAT:
                raise validation(
                    f"The archive has format {manifest.get('format')}; this version reads format {FORMAT}."
                )
            metadata = file.read(_METADATA)
            sealed = json.loads(file.read(_SECRETS)) if manifest["secrets"] == SEALED else None
        spec = cast(EnvironmentSpec, dict(manifest["spec"]))
        environment, at = str(manifest["environment"]), float(manifest["exported_at"])
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, OSError) as error:
        raise validation(f"The object is not an archive of an environment: {error}") from None
    keys = None if sealed is None else _open(sealed, passphrase)
    return Archive(environment, at, spec, metadata, keys)


def _seal(keys: str, passphrase: str) -> dict[str, Any]:
    salt = os.urandom(16)
    token = Fernet(_derive(passphrase, salt)).encrypt(keys.encode())
    return {"kdf": "scrypt", "n": _COST, "salt": base64.b64encode(salt).decode(), "keys": token.decode()}


def _open(sealed: dict[str, Any], passphrase: str | None) -> str:
    if not passphrase:
        raise validation("The archive's secrets are sealed: give the passphrase it was exported with.")
    try:
        salt = base64.b64decode(sealed["salt"])
        return Fernet(_derive(passphrase, salt)).decrypt(sealed["keys"].encode()).decode()
    except (InvalidToken, KeyError, ValueError, TypeError):
        raise validation("The passphrase does not open the archive's secrets.") from None


def _derive(passphrase: str, salt: bytes) -> bytes:
    key = Scrypt(salt=salt, length=32, n=_COST, r=8, p=1).derive(passphrase.encode())
    return base64.urlsafe_b64encode(key)
