"""Identifiers and secrets as AWS spells them."""

from __future__ import annotations

import secrets
import string

_BASE32 = string.ascii_uppercase + "234567"
_SECRET = string.ascii_letters + string.digits + "+/"


def make_id(prefix: str) -> str:
    """A unique id: AIDA user, AROA role, ANPA policy, each with 17 characters more."""
    return prefix + _random(_BASE32, 17)


def make_key_id(prefix: str) -> str:
    """Of an access key: AKIA permanent, ASIA temporary, 16 characters more."""
    return prefix + _random(_BASE32, 16)


def make_secret(length: int = 40) -> str:
    """What a client signs with, or a session's token."""
    return _random(_SECRET, length)


def _random(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))
