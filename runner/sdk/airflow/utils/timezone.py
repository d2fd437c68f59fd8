"""Aware datetimes. A naive datetime of a DAG file means the configured default zone ([core] default_timezone)."""

from __future__ import annotations

import datetime as dt
from typing import Any

from airflow.configuration import conf

utc = dt.UTC


def is_localized(value: dt.datetime) -> bool:
    return value.utcoffset() is not None


def is_naive(value: dt.datetime) -> bool:
    return value.utcoffset() is None


def utcnow() -> dt.datetime:
    """Now, aware, in UTC."""
    return dt.datetime.now(tz=utc)


def utc_epoch() -> dt.datetime:
    return dt.datetime(1970, 1, 1, tzinfo=utc)


def default_zone() -> dt.tzinfo:
    """The zone that naive datetimes are in."""
    return parse_timezone(conf.get("core", "default_timezone"))


def parse_timezone(name: str | int) -> dt.tzinfo:
    """A zone by IANA name or by offset in seconds."""
    if isinstance(name, int):
        return dt.timezone(dt.timedelta(seconds=name))
    if name.lower() in ("utc", "system"):
        return utc
    if name[:1] in ("+", "-"):
        hours, minutes, *rest = (int(part) for part in name[1:].split(":"))
        offset = dt.timedelta(hours=hours, minutes=minutes, seconds=rest[0] if rest else 0)
        return dt.timezone(-offset if name[0] == "-" else offset)
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)


def make_aware(value: dt.datetime | None, timezone: dt.tzinfo | None = None) -> Any:
    """`value` in `timezone` (the default zone). Raises ValueError when it is aware already."""
    if value is None:
        return None
    if is_localized(value):
        raise ValueError(f"cannot make {value} aware: it has a zone already")
    return value.replace(tzinfo=timezone or default_zone())


def make_naive(value: dt.datetime, timezone: dt.tzinfo | None = None) -> dt.datetime:
    return value.astimezone(timezone or default_zone()).replace(tzinfo=None)


def coerce_aware(value: dt.datetime) -> dt.datetime:
    """`value`, in the default zone when it has none."""
    return value if is_localized(value) else value.replace(tzinfo=default_zone())


def convert_to_utc(value: dt.datetime | None) -> dt.datetime | None:
    return None if value is None else coerce_aware(value).astimezone(utc)


def coerce_datetime(value: dt.datetime | None, tz: dt.tzinfo | None = None) -> Any:
    """`value` as an aware pendulum DateTime."""
    if value is None:
        return None
    import pendulum

    return pendulum.instance(value if is_localized(value) else value.replace(tzinfo=tz or default_zone()))


def datetime(*args: Any, **kwargs: Any) -> dt.datetime:
    """datetime.datetime, aware: in the default zone unless `tzinfo` says otherwise."""
    kwargs.setdefault("tzinfo", default_zone())
    return dt.datetime(*args, **kwargs)  # noqa: DTZ001 - the zone is among the arguments


def parse(string: str, timezone: Any = None, *, strict: bool = False) -> Any:
    """An aware pendulum DateTime from text."""
    import pendulum

    return pendulum.parse(string, tz=timezone or default_zone(), strict=strict)


def from_timestamp(timestamp: float, tz: Any = "UTC") -> Any:
    import pendulum

    return pendulum.from_timestamp(timestamp, tz=tz)


def zone_name(zone: dt.tzinfo | None) -> str:
    """The IANA name of a zone of any library, or +05:30 for an offset that has none."""
    if zone is None or zone is utc:
        return "UTC"
    name = getattr(zone, "key", None) or getattr(zone, "zone", None) or getattr(zone, "name", None)
    if name and not name.startswith(("+", "-")):
        return str(name)
    offset = zone.utcoffset(None)
    if offset is None:
        raise ValueError(f"cannot use {zone!r} as the zone of a DAG: it has no IANA name")
    return _offset_name(int(offset.total_seconds()))


def _offset_name(seconds: int) -> str:
    """An IANA name for whole hours, +05:30 and its like for others."""
    if seconds % 3600 == 0:
        return f"Etc/GMT{-seconds // 3600:+d}" if seconds else "UTC"
    sign, rest = ("-" if seconds < 0 else "+"), abs(seconds)
    text = f"{sign}{rest // 3600:02}:{rest // 60 % 60:02}"
    return f"{text}:{rest % 60:02}" if rest % 60 else text
