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
)
_ITEM = re.compile(r"(?P<first>\*|\?|\d+|[a-z]{3})(-(?P<last>\d+|[a-z]{3}))?(/(?P<step>\d+))?$")


def expand(expression: str) -> str:
    """The five- or six-field expression that `expression` means. Raises AirflowTimetableInvalid."""
    if expression.startswith("@"):
        if expression not in PRESETS:
            known = ", ".join(["@once", "@continuous", *PRESETS])
            raise AirflowTimetableInvalid(f"cannot use the schedule {expression!r}; the presets are {known}")
        return PRESETS[expression]
    parts = expression.split()
    if len(parts) not in (5, 6):
        raise AirflowTimetableInvalid(
            f"cannot use the schedule {expression!r}: a cron expression has five or six fields, this has {len(parts)}"
        )
    for part, (name, low, high, names) in zip(parts, _FIELDS, strict=False):
        for item in part.lower().split(","):
            if not _is_valid(item, name, low, high, names):
                raise AirflowTimetableInvalid(
                    f"cannot use the schedule {expression!r}: {item!r} is no {name}"
                )
    return " ".join(parts)


def _is_valid(item: str, name: str, low: int, high: int, names: Sequence[str]) -> bool:
    if name == "day of month" and item == "l":
        return True
    if name == "day of week" and re.match(r"(l[0-7]|([0-7]|[a-z]{3})(#[1-5]|l))$", item):
        return True
    match = _ITEM.match(item)
    if match is None or match["step"] == "0":
        return False
    ends = [end for end in (match["first"], match["last"]) if end not in (None, "*", "?")]
    return all(end in names or (end.isdigit() and low <= int(end) <= high) for end in ends)
