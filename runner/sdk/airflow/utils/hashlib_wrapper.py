"""md5 where it is no matter of security, allowed on machines that forbid it elsewhere."""

from __future__ import annotations

import hashlib
from typing import Any


def md5(string: bytes = b"", /, **_: Any) -> Any:
    """A hash object, as hashlib.md5 gives it."""
    return hashlib.md5(string, usedforsecurity=False)
