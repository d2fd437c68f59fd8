"""JSON for the values that Airflow users pass about: the same text for XCom, conf, params and serialised DAGs.

Types that JSON lacks become {"__type": name, "__var": plain}. Reading never imports a class that the text names.
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
import sys
from importlib import import_module
from typing import Any

TYPE, VAR = "__type", "__var"


class NotEncodable(TypeError):
    """The value has no JSON form; the message names the place and the type."""


def to_plain(value: Any, path: str = "value") -> Any:
    """`value` as JSON's own types, with tags for the rest. Raises NotEncodable."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, dict):
        return _plain_dict(value, path)
    if isinstance(value, list):
        return [to_plain(item, f"{path}[{i}]") for i, item in enumerate(value)]
    return _tagged(value, path)


def from_plain(value: Any) -> Any:
    """The inverse of `to_plain`: the tagged forms become Python values again, datetimes with their zone."""
    if isinstance(value, list):
        return [from_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {TYPE, VAR}:
        reader = _READERS.get(value[TYPE])
        if reader is not None:
            return reader(value[VAR])
    return {key: from_plain(item) for key, item in value.items()}


def dumps(value: Any) -> str:
    """`value` as one line of JSON text."""
    return json.dumps(to_plain(value), separators=(",", ":"), ensure_ascii=False)


def loads(text: str | bytes) -> Any:
    """The value that `dumps` wrote."""
    return from_plain(json.loads(text))


def count_items(plain: Any) -> int | None:
    """How many items a value in its plain form has; None for what is neither list nor tuple nor dict."""
    if isinstance(plain, list):
        return len(plain)
    if not isinstance(plain, dict):
        return None
    if plain.keys() != {TYPE, VAR}:
        return len(plain)
    return len(plain[VAR]) if plain[TYPE] in ("tuple", "dict") else None


def _number(value: float) -> Any:
    plain = int(value) if isinstance(value, int) else float(value)
    if plain != plain or plain in (float("inf"), float("-inf")):
        return {TYPE: "float", VAR: repr(plain)}
    return plain


def _plain_dict(value: dict[Any, Any], path: str) -> Any:
    if all(isinstance(key, str) for key in value) and TYPE not in value:
        return {key: to_plain(item, f"{path}.{key}") for key, item in value.items()}
    pairs = [[to_plain(key, path), to_plain(item, f"{path}[{key!r}]")] for key, item in value.items()]
    return {TYPE: "dict", VAR: pairs}


def _tagged(value: Any, path: str) -> Any:
    if isinstance(value, dt.datetime):
        return {TYPE: "datetime", VAR: [value.isoformat(), _zone_name(value.tzinfo)]}
    if isinstance(value, dt.date):
        return {TYPE: "date", VAR: value.isoformat()}
    if isinstance(value, dt.timedelta):
        return {TYPE: "timedelta", VAR: value.total_seconds()}
    if isinstance(value, tuple):
        return {TYPE: "tuple", VAR: [to_plain(item, f"{path}[{i}]") for i, item in enumerate(value)]}
    if isinstance(value, set | frozenset):
        items = sorted((to_plain(item, path) for item in value), key=repr)
        return {TYPE: "set", VAR: items}
    if isinstance(value, bytes | bytearray):
        return {TYPE: "bytes", VAR: import_module("base64").b64encode(value).decode()}
    if isinstance(value, decimal.Decimal):
        return {TYPE: "decimal", VAR: str(value)}
    if _is_uuid(value):
        return {TYPE: "uuid", VAR: str(value)}
    raise NotEncodable(
        f"cannot encode {path}: {type(value).__module__}.{type(value).__qualname__} has no JSON form"
    )


def _is_uuid(value: Any) -> bool:
    """Whoever has made one has imported the module, which is not worth the memory of every task's process."""
    uuid = sys.modules.get("uuid")
    return uuid is not None and isinstance(value, uuid.UUID)


def _zone_name(zone: dt.tzinfo | None) -> str | None:
    return getattr(zone, "key", None) or getattr(zone, "name", None) if zone is not None else None


def _read_datetime(var: list[Any]) -> dt.datetime:
    text, zone = var
    value = dt.datetime.fromisoformat(text)
    if zone and value.tzinfo is not None:
        try:
            from zoneinfo import ZoneInfo

            return value.astimezone(ZoneInfo(zone))
        except (KeyError, ValueError, OSError):
            return value
    return value


_READERS: dict[str, Any] = {
    "datetime": _read_datetime,
    "date": dt.date.fromisoformat,
    "timedelta": lambda var: dt.timedelta(seconds=var),
    "tuple": lambda var: tuple(from_plain(item) for item in var),
    "set": lambda var: {from_plain(item) for item in var},
    "dict": lambda var: {from_plain(key): from_plain(item) for key, item in var},
    "bytes": lambda var: import_module("base64").b64decode(var),
    "decimal": decimal.Decimal,
    "uuid": lambda var: import_module("uuid").UUID(var),
    "float": float,
}
