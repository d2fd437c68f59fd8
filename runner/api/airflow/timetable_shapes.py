"""Timetables in a few words for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.domain.timetables import get_time_part

_SUMMARIES = {"once": "@once", "continuous": "@continuous", "asset": "Asset"}
_DESCRIPTIONS = {
    "null": "Never, external triggers only",
    "once": "Once, as soon as possible",
    "continuous": "As frequently as possible, but only one run at a time.",
    "asset": "Triggered by assets",
}


def timetable_summary(timetable: Mapping[str, Any]) -> str | None:
    """The schedule in short, as Airflow's API gives it: presets as what they stand for, None without a schedule."""
    kind = timetable.get("kind", "null")
    if kind == "null":
        return None
    if kind == "cron":
        return str(timetable["expression"])
    if kind == "multiple_cron":
        return ", ".join(timetable["expressions"])
    if kind == "asset_or_time":
        return f"{_first_word(timetable)} or {timetable_summary(get_time_part(timetable))}"
    return timetable.get("summary") or _SUMMARIES.get(kind)


def describe_timetable(timetable: Mapping[str, Any]) -> str:
    """A sentence; empty where the summary says it all."""
    kind = timetable.get("kind", "null")
    if kind == "asset_or_time":
        return f"Triggered by {_first_word(timetable).lower()}s or {describe_timetable(get_time_part(timetable))}"
    if kind == "cron":
        return f"Cron {timetable.get('expression')} ({timetable.get('timezone', 'UTC')})"
    return str(timetable.get("description") or _DESCRIPTIONS.get(kind, ""))


def _first_word(timetable: Mapping[str, Any]) -> str:
    """Asset, or Dataset in 2.x."""
    return str(timetable.get("summary") or "Asset").partition(" ")[0]


def is_periodic(timetable: Mapping[str, Any]) -> bool:
    """Whether runs come again and again by themselves."""
    table = get_time_part(timetable)
    kind = table.get("kind", "null")
    return kind in ("cron", "multiple_cron", "delta", "events") or (
        kind == "custom" and bool(table.get("periodic", True))
    )
