"""Short-lived tokens of our own: what they grant, signed. Pure: the keys, the clock and the id come from outside.

A token carries no secret and no right: it names an access key, and what that key may do is asked again when the
token is used. Its signature says that we made it, its kind what for, its id lets one use be told from the next.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

Kind = Literal["cli", "web"]
LIFETIME = 60.0
_MOST = 4096


class BadToken(Exception):
    """The token is not to be believed; the message is safe to show."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token stands for."""

    kind: Kind
    id: str
    environment: str
    """The environment's uid: one that is created again under the same name is another."""
    access_key_id: str
    role: str
    """The Airflow role it was made for."""
    expires_at: float


def sign(grant: Grant, key: bytes) -> str:
    """The token of a grant."""
    payload = _encode(json.dumps(asdict(grant), separators=(",", ":")).encode())
    return f"{payload}.{_encode(_mac(payload, key))}"


def read(token: str, kind: Kind, keys: Sequence[bytes], now: float) -> Grant:
    """The grant of a token that one of our keys signed, of that kind, not expired. Raises BadToken."""
    payload, _, signature = token.partition(".")
    if len(token) > _MOST or not token.isascii() or not _is_ours(payload, signature, keys):
        raise BadToken("The token is not one of this service")
    grant = Grant(**json.loads(_decode(payload)))
    if grant.kind != kind:
        raise BadToken(f"The token is a {grant.kind} token, and a {kind} token is needed")
    if now >= grant.expires_at:
        raise BadToken(f"The token has expired: it is good for {LIFETIME:g} seconds. Create another")
    return grant


def _is_ours(payload: str, signature: str, keys: Sequence[bytes]) -> bool:
    try:
        given = _decode(signature)
    except (binascii.Error, ValueError):
        return False
    return any(hmac.compare_digest(given, _mac(payload, key)) for key in keys)


def _mac(payload: str, key: bytes) -> bytes:
    return hmac.digest(key, payload.encode(), "sha256")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
