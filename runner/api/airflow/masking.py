"""What the API never shows: values under names that say they are secret, at any depth, and passwords inside URLs."""

from __future__ import annotations

import re
from typing import Any

import orjson

MASK = "***"
_SENSITIVE = (
    "access_token",
    "api_key",
    "apikey",
    "access_key",
    "authorization",
    "keyfile_dict",
    "passphrase",
    "passwd",
    "password",
    "private_key",
    "proxy",
    "proxies",
    "secret",
    "service_account",
    "token",
)
_USERINFO = re.compile(r"(?<=://)([^\s/@:]*):[^\s/@]+@")


def is_sensitive(name: str) -> bool:
    """Whether a name says that its value is secret."""
    lowered = name.strip().lower().replace("-", "_")
    return any(word in lowered for word in _SENSITIVE)


def mask_text(text: str | None, name: str = "") -> str | None:
    """A text for showing: masked whole when its name is sensitive; JSON in it is masked member by member."""
    if not text:
        return text
    if is_sensitive(name):
        return MASK
    if text.lstrip()[:1] in ("{", "["):
        try:
            return orjson.dumps(mask_members(orjson.loads(text))).decode()
        except orjson.JSONDecodeError:
            pass
    return mask_userinfo(text)


def mask_userinfo(text: str) -> str:
    """Passwords in URLs become the mask."""
    return _USERINFO.sub(rf"\1:{MASK}@", text)


def mask_members(value: Any) -> Any:
    """JSON with the values of sensitive names masked."""
    if isinstance(value, dict):
        return {
            key: MASK if is_sensitive(str(key)) and item not in (None, "") else mask_members(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [mask_members(item) for item in value]
    return mask_userinfo(value) if isinstance(value, str) else value


def mask_extra(text: str | None) -> str | None:
    """A connection's extra: JSON is masked member by member, anything else whole."""
    if not text:
        return text
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return MASK
    return orjson.dumps(mask_members(value)).decode() if isinstance(value, dict | list) else MASK


def keep_masked(new: Any, old: Any) -> Any:
    """What a client sends back after reading it masked: the mask stands for what was there before."""
    if new == MASK:
        return old
    if isinstance(new, dict):
        known = old if isinstance(old, dict) else {}
        return {key: keep_masked(item, known.get(key, item)) for key, item in new.items()}
    if isinstance(new, list) and isinstance(old, list) and len(new) == len(old):
        return [keep_masked(item, before) for item, before in zip(new, old, strict=True)]
    return new
