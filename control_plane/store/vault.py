"""Encryption of what must not lie readable in the database or its backups.

The master key is a file of its own, readable by its owner only. Losing it loses the secrets: back it up.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from control_plane.private_files import stage


@dataclass(frozen=True, slots=True)
class Vault:
    """Seals and opens secrets. With several keys the first seals and any opens: so keys are rotated."""

    fernet: MultiFernet

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
    return Vault(MultiFernet([Fernet(key) for key in keys]))


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
