"""Encryption of what must not lie readable in the database or its backups.

The master key is a file of its own, readable by its owner only. Losing it loses the secrets: back it up.
"""

from __future__ import annotations

import hmac
import os
from base64 import urlsafe_b64decode
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from control_plane.private_files import stage


@dataclass(frozen=True, slots=True)
class Vault:
    """Seals and opens secrets. With several keys the first seals and any opens: so keys are rotated."""

    fernet: MultiFernet
    roots: tuple[bytes, ...] = field(default=(), repr=False)

    def derive(self, purpose: str) -> tuple[bytes, ...]:
        """Keys for signing, of their own for each purpose: the first signs, any may verify."""
        return tuple(hmac.digest(root, f"aerodrome:{purpose}".encode(), "sha256") for root in self.roots)

    def seal(self, secret: str) -> bytes:
        """Encrypt."""
        return self.fernet.encrypt(secret.encode())

    def open(self, sealed: bytes) -> str:
        """Decrypt. Raises ValueError when no key of the file fits."""
        try:
            return self.fernet.decrypt(sealed).decode()
        except InvalidToken:
            raise ValueError(
                "cannot decrypt a secret of the service database: the master key file is not the one it was "
                "sealed with; restore that file from its backup"
            ) from None


def open_vault(path: Path) -> Vault:
    """The vault of a master key file (one key a line), which is made when there is none."""
    if not path.exists():
        _make_key(path)
    keys = path.read_text(encoding="ascii").split()
    if not keys:
        raise ValueError(f"cannot use the master key file {path}: it is empty; restore it from its backup")
    return Vault(MultiFernet([Fernet(key) for key in keys]), tuple(map(urlsafe_b64decode, keys)))


def _make_key(path: Path) -> None:
    """Written aside and linked into place: two starters agree on one key, a crash leaves none half."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = stage(path, Fernet.generate_key().decode() + "\n")
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass  # the other starter was first; its key is the key
    finally:
        temporary.unlink()
