"""The file of keys that a cell seals its users' secrets with: a line `<key id> <Fernet key>` each, newest first.

The control plane gives a cell its file, so that it has the same on every machine; a cell that has none makes one.
"""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode


def make() -> str:
    """A file with one new key."""
    return f"{secrets.token_hex(4)} {urlsafe_b64encode(secrets.token_bytes(32)).decode()}\n"


def merge(first: str, second: str) -> str:
    """The keys of both, those of the first before the others."""
    lines = dict.fromkeys(
        line.strip() for line in [*first.splitlines(), *second.splitlines()] if line.strip()
    )
    return "".join(f"{line}\n" for line in lines)
