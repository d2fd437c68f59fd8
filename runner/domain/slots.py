"""Who may start next: the ready tasks in their order, and the limits that hold some of them back.

Order is priority, then how much its DAG has running already, then the run's time, then arrival: among tasks of equal
priority a DAG of thousands leaves room for a DAG of one. A task that a limit holds back does not hold back others.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Bucket = tuple[object, ...]
Entry = tuple[int, float, int, int]
"""Of a task that waits: priority, the run's time and arrival as they are ordered, and its key."""
Head = tuple[int, int, Entry, Bucket]
"""The first task of a bucket, with how many live tasks its DAG has."""


@dataclass(frozen=True, slots=True)
class Demand:
    """A task that wants to start, and the limits that it stands under."""

    key: int
    dag_id: str
    run: int
    task_id: str
    pool: str
    pool_slots: int
    priority: int
    run_after: float
    max_active_tasks: int
    per_dag: int | None = None
    """How many of this task may be live in all runs of the DAG."""
    per_run: int | None = None
    """How many of this task may be live in one run."""

    @property
    def bucket(self) -> Bucket:
        """Tasks of one bucket are held back by the same limits at the same time."""
        limited = self.per_dag is not None or self.per_run is not None
        task, run = (self.task_id if limited else None), (self.run if self.per_run is not None else None)
        limits = (self.max_active_tasks, self.per_dag, self.per_run)  # versions of a DAG may differ in them
        return (self.pool, self.pool_slots, self.dag_id, task, run, *limits)


@dataclass(slots=True)
class Usage:
    """What is taken by live tasks."""

    pools: Counter[str] = field(default_factory=Counter)
    dags: Counter[str] = field(default_factory=Counter)
    tasks: Counter[tuple[str, str]] = field(default_factory=Counter)
    run_tasks: Counter[tuple[int, str]] = field(default_factory=Counter)
    deferred: Counter[str] = field(default_factory=Counter)
    """Slots of deferred tasks by pool: taken in the pools that say so."""

    def take(self, demand: Demand, amount: int = 1) -> None:
        """Count a live task in (1) or out (-1)."""
        self.pools[demand.pool] += amount * demand.pool_slots
        self.dags[demand.dag_id] += amount
        self._count(self.tasks, (demand.dag_id, demand.task_id), amount)
        self._count(self.run_tasks, (demand.run, demand.task_id), amount)

    def wait(self, demand: Demand, amount: int = 1) -> None:
        """Count a deferred task in (1) or out (-1)."""
        self._count(self.deferred, demand.pool, amount * demand.pool_slots)

    @staticmethod
    def _count(counter: Counter[Any], key: Any, amount: int) -> None:
        counter[key] += amount
        if not counter[key]:
            del counter[key]  # there are as many keys as tasks; only live ones may cost memory


@dataclass(frozen=True, slots=True)
class Limits:
    """Pools by name (-1: no limit; a pool that is not there gives nothing) and DAGs that may start nothing."""

    pools: Mapping[str, int]
    paused: frozenset[str] = frozenset()
    with_deferred: frozenset[str] = frozenset()
    """Pools in which deferred tasks keep their slots."""

    def count_taken(self, pool: str, usage: Usage) -> int:
        """The pool's slots in use."""
        return usage.pools[pool] + (usage.deferred[pool] if pool in self.with_deferred else 0)


class ReadyQueue:
    """The tasks that are ready to start. Adding and taking cost O(log n) whatever is held back."""

    def __init__(self) -> None:
        self._demands: dict[int, Demand] = {}
        self._buckets: dict[Bucket, list[Entry]] = {}
        self._arrivals = 0

    def __len__(self) -> int:
        return len(self._demands)

    def __contains__(self, key: int) -> bool:
        return key in self._demands

    def add(self, demand: Demand) -> None:
        """Let a task wait for its turn; one that waits already keeps its place."""
        if demand.key in self._demands:
            return
        self._arrivals += 1
        self._demands[demand.key] = demand
        entry = (-demand.priority, demand.run_after, self._arrivals, demand.key)
        heapq.heappush(self._buckets.setdefault(demand.bucket, []), entry)

    def discard(self, key: int) -> None:
        """Forget a task; nothing happens when it does not wait."""
        self._demands.pop(key, None)

    def admit(self, free: int, usage: Usage, limits: Limits) -> list[Demand]:
        """Take out the tasks that may start now, at most `free`, and count them in `usage`."""
        admitted: list[Demand] = []
        if free <= 0 or not self._demands:
            return admitted
        heads = [
            _rank(heap[0], bucket, usage) for bucket in list(self._buckets) if (heap := self._clean(bucket))
        ]
        heapq.heapify(heads)
        while heads and len(admitted) < free:
            _priority, live, (_, _, _, key), bucket = heads[0]
            demand = self._demands[key]
            if live != usage.dags[demand.dag_id]:  # its DAG has got a slot since
                heapq.heapreplace(heads, _rank(heads[0][2], bucket, usage))
                continue
            if is_blocked(demand, usage, limits):
                heapq.heappop(heads)
                continue
            heapq.heappop(self._buckets[bucket])
            del self._demands[key]
            usage.take(demand)
            admitted.append(demand)
            if heap := self._clean(bucket):
                heapq.heapreplace(heads, _rank(heap[0], bucket, usage))
            else:
                heapq.heappop(heads)
        return admitted

    def _clean(self, bucket: Bucket) -> list[Entry]:
        """The bucket's heap without forgotten tasks at its front; an empty bucket goes away."""
        heap = self._buckets[bucket]
        while heap and heap[0][3] not in self._demands:
            heapq.heappop(heap)
        if not heap:
            del self._buckets[bucket]
        return heap


def _rank(entry: Entry, bucket: Bucket, usage: Usage) -> Head:
    """A bucket's first task among those of other buckets; `bucket[2]` is its DAG."""
    return entry[0], usage.dags[str(bucket[2])], entry, bucket


def is_blocked(demand: Demand, usage: Usage, limits: Limits) -> bool:
    """Does a limit hold the task back?"""
    slots = limits.pools.get(demand.pool, 0)
    return (
        demand.dag_id in limits.paused
        or (slots >= 0 and limits.count_taken(demand.pool, usage) + demand.pool_slots > slots)
        or usage.dags[demand.dag_id] >= demand.max_active_tasks
        or (demand.per_dag is not None and usage.tasks[demand.dag_id, demand.task_id] >= demand.per_dag)
        or (demand.per_run is not None and usage.run_tasks[demand.run, demand.task_id] >= demand.per_run)
    )
