"""Dynamic task mapping: how many instances a mapped task has, and what its sources' ends mean for it. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from airflow._wire.encoding import count_items

from runner.domain.states import TaskInstanceState
from runner.domain.trigger_rules import Outcome

Length = Mapping[str, Any]
"""See `Expansion` in `airflow._wire.serialized`."""
FindLength = Callable[[str, str], int | None]
"""(task_id, key) -> how many items that XCom has; None: there is none, or nothing can be mapped over it."""

_BAD = frozenset({TaskInstanceState.FAILED, TaskInstanceState.UPSTREAM_FAILED})


def count_instances(lengths: Collection[Length], find: FindLength) -> int | None:
    """The product of the lengths; None when one of them is not known."""
    found = _measure_all(lengths, find)
    return None if found is None else math.prod(found) if found else 0


def find_literal_count(lengths: Collection[Length]) -> int | None:
    """How many instances there are in every run; None when that depends on what other tasks leave."""
    return None if list_sources(lengths) else count_instances(lengths, lambda _task, _key: None)


def list_sources(lengths: Iterable[Length]) -> frozenset[tuple[str, str]]:
    """The XComs (task_id, key) that decide how many instances there are."""
    found: set[tuple[str, str]] = set()
    for length in lengths:
        if "xcom" in length:
            found.add((length["xcom"], length["key"]))
        found |= list_sources([*length.get("zip", ()), *length.get("concat", ())])
    return frozenset(found)


def measure_value(value: Any) -> int | None:
    """How many instances a value (plain JSON, as `encoding.to_plain` makes it) gives; None: it cannot be mapped over.

    As in Airflow that takes a list, a tuple or a dict: text has no items, and a set has no order.
    """
    return count_items(value)


def explain_unmappable(is_there: bool, length: int | None, limit: int) -> str | None:
    """Why nothing can be mapped over what a task left, though others are to be; None when all is well.

    `length`: that of the value, as `measure_value` gives it.
    """
    if not is_there:
        return "cannot map over what it returned: it did not push a value, and a mapped task needs one"
    if length is None:
        return "cannot map over what it returned: it must be a list, a tuple or a dict"
    if length > limit:
        return f"cannot map over {length} items: [core] max_map_length allows {limit}"
    return None


def judge_sources(states: Iterable[TaskInstanceState | None], outcome: Outcome) -> Outcome:
    """What the ends of the tasks that a mapped task maps over say, next to its trigger rule's `outcome`.

    `states`: of those that are over and have not been expanded. Nothing can be mapped over what failed or was
    skipped, whatever the rule says; a failure outweighs a skip.
    """
    over = set(states)
    if outcome is Outcome.UPSTREAM_FAILED or over & _BAD:
        return Outcome.UPSTREAM_FAILED
    if outcome is Outcome.SKIP or TaskInstanceState.SKIPPED in over:
        return Outcome.SKIP
    return Outcome.WAIT if TaskInstanceState.REMOVED in over else outcome


def _measure(length: Length, find: FindLength) -> int | None:
    if "literal" in length:
        return int(length["literal"])
    if "xcom" in length:
        return find(length["xcom"], length["key"])
    parts = _measure_all(length.get("zip") or length.get("concat") or (), find)
    if parts is None:
        return None
    if "concat" in length:
        return sum(parts)
    return (max if length.get("longest") else min)(parts, default=0)


def _measure_all(lengths: Iterable[Length], find: FindLength) -> list[int] | None:
    found = []
    for length in lengths:
        number = _measure(length, find)
        if number is None:
            return None
        found.append(number)
    return found
