"""Runs of DAGs that wait for partitions of assets: to which an event leads, and when the run of one begins. Pure.

As Airflow 3.3.2 decides it. What is said of an asset by `PartitionedAssetTimetable` is in the timetable's `partitions`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow._wire.partitions import (
    LONGEST,
    Mapper,
    find_date,
    is_key,
    is_satisfied,
    list_downstream,
    list_upstream,
    localize,
)

from runner.domain.assets import AssetKey, get_condition, list_leaves

MOST_KEYS = 1000
"""So many keys at most may the key of one event lead to, unless its mapper says otherwise."""
PARTITIONED = "partitioned"
"""What a DAG's row calls a timetable that waits for partitions."""


class CannotMap(ValueError):
    """An event makes no runs of a DAG. `event`: what the audit log calls that."""

    def __init__(self, event: str, message: str) -> None:
        super().__init__(message)
        self.event = event


class BadKey(ValueError):
    """A key cannot be the partition of a run; the message is for whoever gave it."""


@dataclass(frozen=True, slots=True)
class Came:
    """An asset, and the keys of its events that have come for a partition."""

    asset: AssetKey
    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class Judged:
    """The assets of which enough has come, by id, and what will never do, for the log."""

    satisfied: frozenset[int]
    problems: tuple[str, ...] = ()


def is_partitioned(timetable: Mapping[str, Any]) -> bool:
    """Does it wait for partitions of assets?"""
    return "partitions" in timetable


def find_mapper(timetable: Mapping[str, Any], asset: AssetKey) -> Mapper:
    """What reads the keys of an asset's events: by its name, or by its URI when it has none."""
    known, (name, uri) = timetable["partitions"], asset
    found: Mapper = (known["name"].get(name) if name else known["uri"].get(uri)) or known["default"]
    return found


def plan_keys(
    timetable: Mapping[str, Any], asset: AssetKey, key: str, most: int = MOST_KEYS
) -> tuple[str, ...]:
    """The partitions of the DAG that an event with this key is part of. Raises CannotMap."""
    mapper = find_mapper(timetable, asset)
    try:
        keys = list_downstream(mapper, key)
    except (ValueError, OverflowError) as error:
        raise CannotMap(
            "failed to map partition_key", f"the key {key!r} fits no partition: {error}"
        ) from None
    most = mapper.get("most", most)
    if len(keys) > most:
        text = f"the key {key!r} leads to {len(keys)} partitions, and no more than {most} are allowed"
        raise CannotMap("partition fan-out exceeded", text)
    if not all(map(is_key, keys)):
        text = f"the key {key!r} leads to one that is empty or has more than {LONGEST} letters"
        raise CannotMap("failed to map partition_key", text)
    return tuple(dict.fromkeys(keys))


def sign(timetable: Mapping[str, Any]) -> str:
    """A signature of the assets and their mappers: what came under another one counts no more."""
    mappers = {f"{name}|{uri}": find_mapper(timetable, (name, uri)) for name, uri in _list_assets(timetable)}
    return hashlib.sha256(json.dumps(mappers, sort_keys=True).encode()).hexdigest()


def carry_date(timetable: Mapping[str, Any], asset: AssetKey, date: float | None) -> float | None:
    """The date of the run that made an event, for those who take its key as it is: the key itself says none."""
    return date if find_mapper(timetable, asset)["kind"] == "identity" else None


def merge_dates(known: float | None, new: float | None) -> float | None:
    """Of two events of one partition; none when they disagree, whichever came first."""
    if known is None or new is None:
        return new if known is None else known
    return known if known == new else None


def judge(timetable: Mapping[str, Any], key: str, came: Mapping[int, Came]) -> Judged:
    """Of which assets enough has come for a partition: of a rollup what its policy wants, else any event."""
    satisfied, problems = set(), []
    for asset_id, item in came.items():
        mapper = find_mapper(timetable, item.asset)
        if mapper["kind"] != "rollup":
            satisfied.add(asset_id)
            continue
        try:
            expected = list_upstream(mapper, key)
        except (ValueError, OverflowError) as error:
            problems.append(f"the partition {key!r} has no window over {item.asset[0]!r}: {error}")
            continue
        if mapper["wait"].get("n", 0) > len(expected):
            problems.append(
                f"{mapper['wait']['n']} keys of {item.asset[0]!r} never come: it has {len(expected)}"
            )
        elif is_satisfied(mapper["wait"], item.keys, expected):
            satisfied.add(asset_id)
    return Judged(frozenset(satisfied), tuple(problems))


def find_run_date(
    timetable: Mapping[str, Any], key: str, assets: Iterable[AssetKey], carried: float | None
) -> float | None:
    """When the partition of a run begins, as the mappers of the assets that made it say; `carried` if none does.

    None when they contradict each other, or cannot read the key.
    """
    try:
        dates = _find_dates(timetable, key, assets)
    except (ValueError, OverflowError):
        return None
    if not dates:
        return carried
    return dates.pop() if len(dates) == 1 else None


def read_manual_key(dag_id: str, timetable: Mapping[str, Any], key: str) -> float | None:
    """The date of the partition that somebody starts a run for, if its key says one. Raises BadKey."""
    by_clock = timetable.get("partition")
    if not (has_dates(timetable) or timetable.get("at_runtime")):
        raise BadKey(f"cannot start DAG {dag_id!r} with a partition key: it has no partitions")
    check_key(key)
    try:
        if by_clock:
            face = dt.datetime.strptime(key, by_clock["format"]).replace(tzinfo=None)  # noqa: DTZ007
            return localize(face, str(timetable.get("timezone", "UTC"))).timestamp()
        dates = _find_dates(timetable, key, _list_assets(timetable)) if is_partitioned(timetable) else set()
    except (ValueError, OverflowError) as error:
        raise BadKey(f"cannot start DAG {dag_id!r} with the partition key {key!r}: {error}") from None
    return dates.pop() if len(dates) == 1 else None


def has_dates(timetable: Mapping[str, Any]) -> bool:
    """May its runs' partitions have dates?"""
    return bool(timetable.get("partition")) or is_partitioned(timetable)


def place_date(timetable: Mapping[str, Any], at: dt.datetime) -> float:
    """A bound of partitions' dates: a face of the clock in the zone of a cron; else UTC where `at` has no zone."""
    if timetable.get("kind") == "cron":
        return localize(at.replace(tzinfo=None), str(timetable.get("timezone", "UTC"))).timestamp()
    return (at if at.tzinfo else at.replace(tzinfo=dt.UTC)).timestamp()


def check_key(key: Any) -> None:
    """Raises BadKey for what no partition can be called."""
    if not is_key(key):
        raise BadKey(f"cannot use {str(key)[:80]!r} as a partition key: it must have 1 to {LONGEST} letters")


def _find_dates(timetable: Mapping[str, Any], key: str, assets: Iterable[AssetKey]) -> set[float]:
    found = [find_date(find_mapper(timetable, asset), key) for asset in assets]
    return {date.timestamp() for date in found if date is not None}


def _list_assets(timetable: Mapping[str, Any]) -> list[AssetKey]:
    """Assets and references of the condition; an alias stands for none before a task has said which."""
    return sorted({leaf.key for leaf in list_leaves(get_condition(timetable)) if leaf.kind != "alias"})
