"""Encryption at rest of what users call secret: variable values, connection passwords and extras.

The keys lie in one file beside the database, readable by its owner only (`airflow._wire.secret_keys`). Sealed text
carries its key's id, so that a new first line rotates keys without rewriting a row.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from airflow._wire import secret_keys
from cryptography.fernet import Fernet, InvalidToken


class SecretUnreadable(RuntimeError):
    """The text was sealed with a key that this cell does not have, or was altered."""


@dataclass(frozen=True, slots=True)
class SecretBox:
    """Seals with the newest key and opens with whichever key the text names."""

    keys: dict[str, Fernet]
    newest: str

    def seal(self, text: str) -> str:
        """`text`, encrypted and authenticated."""
        return f"{self.newest}:{self.keys[self.newest].encrypt(text.encode()).decode()}"

    def open(self, sealed: str) -> str:
        """The inverse of `seal`. Raises SecretUnreadable."""
        key_id, _, token = sealed.partition(":")
        key = self.keys.get(key_id)
        if key is None:
            raise SecretUnreadable(
                f"cannot read a secret: it was written with key {key_id!r}, which is not here"
            )
        try:
            return key.decrypt(token.encode()).decode()
        except InvalidToken:
            raise SecretUnreadable(f"cannot read a secret: it does not fit key {key_id!r}") from None


def open_box(path: Path) -> SecretBox:
    """The keys in the file; the first caller makes the file. Two that race end with the same key."""
    if not path.exists():
        _make(path)
    pairs = [line.split() for line in path.read_text(encoding="ascii").splitlines() if line.strip()]
    return SecretBox({key_id: Fernet(key) for key_id, key in pairs}, pairs[0][0])


def _make(path: Path) -> None:
    """Write a new key file whole and give it its name only if no other process has done so."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)  # created 0600
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secret_keys.make())
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    except FileExistsError:
        pass  # another process was first, and its key is the one
    finally:
        Path(temporary).unlink()
