"""Cron expressions: presets, and a check that names what is wrong while the DAG file is parsed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from airflow.exceptions import AirflowTimetableInvalid

PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 7, _DAYS),
    ("second", 0, 59, ()),
    ("year", 1970, 2099, ()),
)
_ITEM = re.compile(r"(?P<first>\*|\?|\d+|[a-z]{3})(-(?P<last>l|\d+|[a-z]{3}))?(/(?P<step>\d+))?$")
_SPECIAL = {"day of month": re.compile(r"(l|w\d+|\d+w)$"), "day of week": re.compile(r"l[0-7]$")}
_NTH = re.compile(r"(#[1-5]|l)$")
_RANDOM = re.compile(r"r(\(\d+-\d+\))?(/\d+)?$")


def expand(expression: str) -> str:
    """The expression that `expression` means: five fields, or seconds and years besides.

    Raises AirflowTimetableInvalid.
    """
    if expression.startswith("@"):
        if expression not in PRESETS:
            known = ", ".join(["@once", "@continuous", *PRESETS])
            raise AirflowTimetableInvalid(f"cannot use the schedule {expression!r}; the presets are {known}")
        return PRESETS[expression]
    parts = expression.split()
    if not 5 <= len(parts) <= len(_FIELDS):
        raise AirflowTimetableInvalid(
            f"cannot use the schedule {expression!r}: a cron expression has five to seven fields, this has {len(parts)}"
        )
    for part, (name, low, high, names) in zip(parts, _FIELDS, strict=False):
        for item in part.lower().split(","):
            if not _is_valid(item, name, low, high, names):
                raise AirflowTimetableInvalid(
                    f"cannot use the schedule {expression!r}: {item!r} is no {name}"
                )
    return " ".join(parts)


def _is_valid(item: str, name: str, low: int, high: int, names: Sequence[str]) -> bool:
    special = _SPECIAL.get(name)
    if _RANDOM.match(item) or (special is not None and special.match(item)):
        return True
    match = _ITEM.match(_NTH.sub("", item) if name == "day of week" else item)
    if match is None or match["step"] == "0":
        return False
    if match["last"] == "l" and name != "day of month":
        return False
    ends = [end for end in (match["first"], match["last"]) if end not in (None, "*", "?", "l")]
    return all(end in names or (end.isdigit() and low <= int(end) <= high) for end in ends)
