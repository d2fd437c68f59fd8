"""When slots are few, no DAG waits for all of another's tasks."""

from __future__ import annotations

import time

from runner.domain.slots import Demand, Limits, ReadyQueue, Usage

LIMITS = Limits({"default_pool": -1})


def demand(key: int, dag_id: str, run_after: float = 0.0, priority: int = 1, most: int = 100_000) -> Demand:
    return Demand(key, dag_id, 1, f"t{key}", "default_pool", 1, priority, run_after, most)


def test_dag_of_one_task_does_not_wait_for_a_dag_of_ten_thousand() -> None:
    queue, usage = ReadyQueue(), Usage()
    for key in range(10_000):
        queue.add(demand(key, "huge"))
    started = queue.admit(8, usage, LIMITS)
    queue.add(demand(10_000, "tiny", run_after=99.0))
    usage.take(started[0], -1)
    assert [item.dag_id for item in queue.admit(1, usage, LIMITS)] == ["tiny"]


def test_slots_that_come_free_go_round_between_dags() -> None:
    queue, usage = ReadyQueue(), Usage()
    for key in range(300):
        queue.add(demand(key, "abc"[key // 100], run_after=float(key // 100)))
    assert [item.dag_id for item in queue.admit(9, usage, LIMITS)] == [*"abc"] * 3


def test_priority_goes_before_fairness_and_time_orders_within_a_dag() -> None:
    queue, usage = ReadyQueue(), Usage()
    for key in range(3):
        queue.add(demand(key, "first", run_after=3.0 - key, priority=5))
    queue.add(demand(9, "other"))
    assert [item.key for item in queue.admit(4, usage, LIMITS)] == [2, 1, 0, 9]


def test_ten_thousand_tasks_of_many_dags_are_admitted_quickly() -> None:
    queue, usage = ReadyQueue(), Usage()
    for key in range(10_000):
        queue.add(demand(key, f"d{key % 500}"))
    begin = time.perf_counter()
    assert len(queue.admit(10_000, usage, LIMITS)) == 10_000
    assert time.perf_counter() - begin < 3.0
