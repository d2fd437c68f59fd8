"""Partition keys: to which keys of a waiting DAG the key of an asset's event leads, and which keys one run waits for.

Mappers, windows and wait policies are dicts here, as they are serialised: the engine and DAG files read them with the
same functions. A key that does not fit its mapper raises ValueError.

mapper: {"kind", "most"?} with kind "identity", "allowed" (keys), "fixed" (key), "product" (mappers, delimiter), "chain"
(mappers), "rollup" (upstream, window, wait), "fan_out" (upstream, window, downstream), or one of `PERIODS` (timezone,
input, output). window: {"kind": "segments", "segments"} or {"kind": a period, "direction"}. wait: {"kind": "all"} or
{"kind": "minimum", "n"}.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any

from airflow._wire.zones import read_zone

Mapper = Mapping[str, Any]

PERIODS = {
    "hour": "%Y-%m-%dT%H",
    "day": "%Y-%m-%d",
    "week": "%Y-%m-%d (W%V)",
    "month": "%Y-%m",
    "quarter": "%Y-Q{quarter}",
    "year": "%Y",
}
"""Period -> how its keys are written when nothing else is said."""
LONGEST = 250
"""Of a key, in letters."""
INPUT = "%Y-%m-%dT%H:%M:%S"
_DIGITS = {name: r"\d{4}" if name == "Y" else r"\d{2}" for name in "YmdHMSVUW"}
_ALIGNED = ("month", "quarter", "year")
_STEPS: dict[str, tuple[int, dict[str, int]]] = {
    "hour": (60, {"minutes": 1}),
    "day": (24, {"hours": 1}),
    "week": (7, {"days": 1}),
}


def is_key(key: Any) -> bool:
    """Can a partition be called so?"""
    return isinstance(key, str) and bool(key.strip()) and len(key) <= LONGEST and "\x00" not in key


def list_downstream(mapper: Mapper, key: str) -> list[str]:
    """The keys that a key leads to."""
    return _DOWN.get(mapper["kind"], _period_down)(mapper, key)


def list_upstream(mapper: Mapper, key: str) -> frozenset[str]:
    """The keys of events that a run with this key waits for, by a rollup."""
    upstream = mapper["upstream"]
    members = list_members(mapper["window"], decode(upstream, key))
    return frozenset(_encode(upstream, member) for member in members)


def find_date(mapper: Mapper, key: str) -> dt.datetime | None:
    """The moment at which the partition of this name begins; None when the name has nothing to do with time."""
    kind = mapper["kind"]
    if kind in ("rollup", "fan_out"):
        return find_date(mapper["upstream" if kind == "rollup" else "downstream"], key)
    if kind == "chain":
        return find_date(mapper["mappers"][-1], key)
    if kind == "product":
        parts = key.split(mapper["delimiter"])
        if len(parts) != len(mapper["mappers"]):
            return None
        found = [find_date(one, part) for one, part in zip(mapper["mappers"], parts, strict=True)]
        dates = [date for date in found if date is not None]
        return dates[0] if len(dates) == 1 else None
    if kind not in PERIODS:
        return None
    start = _normalize(kind, decode(mapper, key))
    return start if start.tzinfo is not None else localize(start, mapper["timezone"])


def is_satisfied(wait: Mapping[str, Any], matched: Set[str], expected: Set[str]) -> bool:
    """Whether a run may begin with the keys that came."""
    if wait["kind"] == "all":
        return expected <= matched
    n, here = int(wait["n"]), len(matched & expected)
    return here >= n if n > 0 else here >= max(0, len(expected) + n)


def list_members(window: Mapping[str, Any], start: Any) -> list[Any]:
    """What a window is made of: moments from (or up to) its start, or the names of its segments."""
    kind = window["kind"]
    if kind == "segments":
        return list(window["segments"])
    is_backward = window["direction"] == "backward"
    if kind in _ALIGNED and start.day != 1:
        raise ValueError(
            f"cannot take {start.isoformat()} as the start of a {kind}: it is no first of a month"
        )
    if kind == "month":
        other = _add_months(start, -1 if is_backward else 1)
        first, days = (other + dt.timedelta(days=1), start - other) if is_backward else (start, other - start)
        return [first + dt.timedelta(days=n) for n in range(days.days)]
    step: Callable[[dt.datetime, int], dt.datetime]
    if kind in _STEPS:
        count, length = _STEPS[kind]
        step = lambda base, n: base + dt.timedelta(**length) * n  # noqa: E731
    else:
        count, step = (3 if kind == "quarter" else 12), _add_months
    base = step(start, 1 - count) if is_backward else start
    return [step(base, n) for n in range(count)]


def decode(mapper: Mapper, key: str) -> Any:
    """What a window begins with: the start of the period that the key names, or the key itself."""
    kind = mapper["kind"]
    if kind not in PERIODS:
        return key
    if kind not in ("week", "quarter"):
        return dt.datetime.strptime(key, mapper["output"])  # noqa: DTZ007 - it has the zone of its mapper
    needed = ("Y", "m", "d") if kind == "week" else ("Y", "quarter")
    match = compile_format(mapper["output"]).search(key)
    parts = match.groupdict() if match else {}
    if not set(needed) <= parts.keys():
        raise ValueError(f"cannot read the partition key {key!r} with the format {mapper['output']!r}")
    if kind == "week":
        return dt.datetime(int(parts["Y"]), int(parts["m"]), int(parts["d"]))  # noqa: DTZ001
    return dt.datetime(int(parts["Y"]), int(parts["quarter"]) * 3 - 2, 1)  # noqa: DTZ001


def write_key(mapper: Mapper, member: Any) -> str:
    """The key of a member of a window as a mapper writes it."""
    if mapper["kind"] == "quarter":
        return str(member.strftime(mapper["output"]).format(quarter=(member.month - 1) // 3 + 1))
    if mapper["kind"] in PERIODS:
        return str(member.strftime(mapper["output"]))
    return member.isoformat() if isinstance(member, dt.datetime) else str(member)


def localize(face: dt.datetime, timezone: str) -> dt.datetime:
    """A clock's face in a zone: the second of two such moments, and later by the gap where there is none."""
    zone = read_zone(timezone)
    before, after = (face.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    if before is not None and after is not None and after > before:
        face += after - before
    return face.replace(tzinfo=zone, fold=1)


def compile_format(text: str) -> re.Pattern[str]:
    """What reads keys of a format: directives and `{names}` are groups, and each may be there once."""
    parts, seen, rest = [], set[str](), text
    while rest:
        match = re.match(r"%([YmdHMSVUW])|\{([^}]*)\}", rest)
        if match is None:
            parts.append(re.escape(rest[0]))
            rest = rest[1:]
            continue
        name = match[1] or match[2]
        if not name.isidentifier() or name in seen:
            raise ValueError(
                f"cannot use {text!r} as a format of partition keys: {match[0]!r} is not usable in it"
            )
        seen.add(name)
        parts.append(f"(?P<{name}>{_DIGITS[name] if match[1] else '[1-4]' if name == 'quarter' else '.+?'})")
        rest = rest[match.end() :]
    return re.compile(f"^{''.join(parts)}$")


def _period_down(mapper: Mapper, key: str) -> list[str]:
    at = dt.datetime.strptime(key, mapper["input"])  # noqa: DTZ007
    zone = read_zone(mapper["timezone"])
    at = localize(at, mapper["timezone"]) if at.tzinfo is None else at.astimezone(zone)
    return [write_key(mapper, _normalize(mapper["kind"], at))]


def _allowed_down(mapper: Mapper, key: str) -> list[str]:
    if key not in mapper["keys"]:
        raise ValueError(f"the partition key {key!r} is none of {mapper['keys']}")
    return [key]


def _product_down(mapper: Mapper, key: str) -> list[str]:
    parts = key.split(mapper["delimiter"])
    if len(parts) != len(mapper["mappers"]):
        raise ValueError(f"the partition key {key!r} has {len(parts)} parts, not {len(mapper['mappers'])}")
    return [mapper["delimiter"].join(_one(m, part) for m, part in zip(mapper["mappers"], parts, strict=True))]


def _chain_down(mapper: Mapper, key: str) -> list[str]:
    keys = [key]
    for one in mapper["mappers"]:
        keys = [after for before in keys for after in list_downstream(one, before)]
    return keys


def _fan_out_down(mapper: Mapper, key: str) -> list[str]:
    start = decode(mapper["upstream"], _one(mapper["upstream"], key))
    return [write_key(mapper["downstream"], member) for member in list_members(mapper["window"], start)]


_DOWN: dict[str, Callable[[Mapper, str], list[str]]] = {
    "identity": lambda _mapper, key: [key],
    "allowed": _allowed_down,
    "fixed": lambda mapper, _key: [mapper["key"]],
    "product": _product_down,
    "chain": _chain_down,
    "rollup": lambda mapper, key: list_downstream(mapper["upstream"], key),
    "fan_out": _fan_out_down,
}


def _one(mapper: Mapper, key: str) -> str:
    found = list_downstream(mapper, key)
    if len(found) != 1:
        raise ValueError(f"the partition key {key!r} leads to {len(found)} keys where it must lead to one")
    return found[0]


def _encode(mapper: Mapper, member: Any) -> str:
    """A member of a window as the events that it waits for are named."""
    if mapper["kind"] not in PERIODS:
        return str(member)
    if member.tzinfo is not None:
        member = member.astimezone(read_zone(mapper["timezone"])).replace(tzinfo=None)
    return localize(member, mapper["timezone"]).strftime(mapper["input"])


def _normalize(period: str, at: dt.datetime) -> dt.datetime:
    """The start of the period that a moment lies in."""
    if period == "hour":
        return at.replace(minute=0, second=0, microsecond=0)
    start = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "week":
        return start - dt.timedelta(days=start.weekday())
    if period in _ALIGNED:
        months = {"month": at.month, "quarter": (at.month - 1) // 3 * 3 + 1, "year": 1}
        return start.replace(day=1, month=months[period])
    return start


def _add_months(start: dt.datetime, months: int) -> dt.datetime:
    total = start.month - 1 + months
    return start.replace(year=start.year + total // 12, month=total % 12 + 1)


def list_parts(mapper: Mapper) -> Iterable[Mapper]:
    """The mapper and all that it is made of."""
    yield mapper
    for part in (*mapper.get("mappers", ()), *(mapper[n] for n in ("upstream", "downstream") if n in mapper)):
        yield from list_parts(part)
