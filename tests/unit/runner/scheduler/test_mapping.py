"""Mapped tasks: whole runs as Airflow 3.3.2 ended them, and what is ours alone.

`mapped_runs.json` holds runs of random small DAGs that Airflow's own scheduler decided, task instance by task
instance. `steps`: which instance ended next, how, and for those that others are mapped over how many items it left
(of an instance of a mapped task: whether it left one). We must offer the same instance next, and end alike.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner.domain.mapping import count_instances, find_literal_count, measure_value
from runner.domain.spec import TaskSpec, read_dag
from runner.domain.states import DagRunState, TaskInstanceState
from runner.scheduler import reports
from runner.scheduler.instances import Run, Task
from tests.unit.runner.scheduler.histories import History, find, spread

RUNS = json.loads((Path(__file__).parent / "mapped_runs.json").read_text())
S = TaskInstanceState
KEY = "return_value"


def over(length: dict[str, Any] | None) -> dict[str, Any] | None:
    """An expansion as the border has it."""
    if length is None:
        return None
    return {"arguments": ["x"], "lengths": [{**length, "key": KEY} if "xcom" in length else length]}


def read_tasks(tasks: list[dict[str, Any]], group: dict[str, Any] | None = None) -> list[TaskSpec]:
    data = [{**task, "mapped": over(task.get("over"))} for task in tasks]
    groups = {"g": {"parent": None, "mapped": over(group)}, "g.in": {"parent": "g", "mapped": None}}
    return list(read_dag({"dag_id": "d", "file": "f.py", "tasks": data, "task_groups": groups}).tasks)


def settle(history: History) -> list[Task]:
    """Everything that can start has started; by task id and map index."""
    while history.turn():
        pass
    history.turn()
    return sorted(history.frontier.attempts.values(), key=lambda task: (task.spec.task_id, task.map_index))


def leave(items: int) -> dict[str, Any]:
    return {KEY: list(range(items))}


@pytest.mark.parametrize("row", RUNS, ids=range(len(RUNS)))
def test_run_goes_and_ends_as_in_airflow(row: dict[str, Any]) -> None:
    history = History(slots=1000)
    run = history.add_run(read_tasks(row["tasks"], row.get("over")))
    for name, map_index, state, *left in row["steps"]:
        task = settle(history)[0]
        assert (task.spec.task_id, task.map_index) == (name, map_index)
        is_item = map_index >= 0 and left == [1]
        history.report(
            task, state, xcoms={KEY: 1} if is_item else leave(*left) if left and map_index < 0 else {}
        )
    assert settle(history) == []
    expected = {name: {int(i): state for i, state in found.items()} for name, found in row["expect"].items()}
    assert spread(run) == expected
    assert run.state == row["run"] or (row["run"] == "failed" and history.frontier.is_stuck(run))


def test_lengths_multiply_zip_and_concatenate() -> None:
    found = {("a", KEY): 3, ("b", KEY): 5}
    a, b = ({"xcom": name, "key": KEY} for name in "ab")

    def count(*lengths: dict[str, Any]) -> int | None:
        return count_instances(lengths, lambda *at: found.get(at))

    assert count(a, {"literal": 2}) == 6
    assert (count({"zip": [a, b]}), count({"zip": [a, b], "longest": True})) == (3, 5)
    assert count({"concat": [a, {"zip": [a, b]}, {"literal": 1}]}) == 7
    assert (count({"xcom": "c", "key": KEY}, {"literal": 0}), count()) == (None, 0)
    assert (find_literal_count([{"literal": 4}, {"literal": 2}]), find_literal_count([a])) == (8, None)


@pytest.mark.parametrize(
    ("value", "length"),
    [
        ([1, None], 2),
        ([], 0),
        ({"a": 1}, 1),
        ({"__type": "tuple", "__var": [1, 2, 3]}, 3),
        ({"__type": "dict", "__var": [[1, 2]]}, 1),
        ({"__type": "set", "__var": [1]}, None),
        ({"__type": "datetime", "__var": ["2026-01-01T00:00:00", None]}, None),
        ("text", None),
        (7, None),
        (None, None),
    ],
)
def test_length_is_that_of_what_airflow_maps_over(value: Any, length: int | None) -> None:
    assert measure_value(value) == length


SOURCE = [{"task_id": "s"}, {"task_id": "m", "upstream": ["s"], "over": {"xcom": "s"}}]


@pytest.mark.parametrize(
    ("xcoms", "why"), [({}, "did not push"), ({KEY: "text"}, "must be a list"), (leave(4), "max_map_length")]
)
def test_task_that_leaves_nothing_to_map_over_fails_itself(xcoms: dict[str, Any], why: str) -> None:
    history = History(max_map_length=3)
    run = history.add_run(read_tasks([{**SOURCE[0], "retries": 1}, SOURCE[1]]))
    for wanted in (S.UP_FOR_RETRY, S.FAILED):
        history.turn()
        task = find(run, "s")
        history.report(task, "success", xcoms=xcoms)
        assert task.state is wanted
        assert why in (task.reason or "")
        assert not history.frontier.changes.xcoms
        history.now += 1000
        history.frontier.wake(task, history.now)
    assert spread(run)["m"] == {-1: "upstream_failed"}


def test_source_marked_by_hand_leaves_its_mapped_task_failed_with_the_reason() -> None:
    history = History()
    run = history.add_run(read_tasks([{"task_id": "s", "noop": True}, SOURCE[1]]))
    assert spread(run)["m"] == {-1: "upstream_failed"}
    assert "cannot expand" in (find(run, "m").reason or "")


def test_instances_are_there_after_a_restart_and_the_rest_goes_on() -> None:
    history = History()
    tasks = [{"task_id": "s"}]
    tasks += [
        {"task_id": f"g.{name}", "group": "g.in", "upstream": above}
        for name, above in (("a", ["s"]), ("b", ["g.a"]))
    ]
    run = history.add_run(read_tasks(tasks, {"xcom": "s"}))
    history.turn()
    history.report(find(run, "s"), "success", xcoms=leave(3))
    first = settle(history)
    history.report(first[1], "failed")
    settle(history)
    before = spread(run)
    rows = [to_row(task) for task in run.tasks]
    history.frontier.drop(run.key)
    again = Run(run.row, run.plan, DagRunState.RUNNING, 1.0)
    history.frontier.add(again)
    history.frontier.start(again, rows, history.now)
    assert spread(again) == before
    assert (again.unfinished, again.idle) == (run.unfinished, run.idle)
    assert (again.counts, again.totals, again.widths) == (run.counts, run.totals, run.widths)
    for task in settle(history):
        history.report(task, "success")
    for task in settle(history):
        history.report(task, "success")
    assert spread(again)["g.b"] == {0: "success", 1: "upstream_failed", 2: "success"}
    assert again.state is DagRunState.FAILED


def to_row(task: Task) -> Any:
    from runner.scheduler.instances import CHANGEABLE
    from runner.store.unfinished import InstanceRow

    values = {name: getattr(task, name) for name in CHANGEABLE}
    limits = {"pool": task.demand.pool, "pool_slots": 1, "priority_weight": 1, "queue": "default"}
    values |= {"state": task.state.value if task.state else None, **limits}
    return InstanceRow(
        id=task.id,
        run=1,
        task_id=task.spec.task_id,
        map_index=task.map_index,
        max_tries=task.max_tries,
        **values,
    )


@pytest.mark.parametrize(
    ("items", "expected"), [(1, {0: "S", 1: "R", 2: "R"}), (4, dict.fromkeys(range(4), "S"))]
)
def test_cleared_source_that_leaves_more_or_less_changes_the_instances(
    items: int, expected: dict[int, str]
) -> None:
    history = History()
    run = history.add_run(read_tasks([*SOURCE, {"task_id": "z", "upstream": ["m"]}]))
    history.turn()
    history.report(find(run, "s"), "success", xcoms=leave(3))
    for task in settle(history)[:2]:
        history.report(task, "success")
    rows = [to_row(task)._replace(state=None) for task in run.tasks]  # as read again after all was cleared
    rows = [
        row._replace(state="success") if (row.task_id, row.map_index) == ("m", 1) else row for row in rows
    ]
    history.frontier.drop(run.key)
    again = Run(run.row, run.plan, DagRunState.RUNNING, 1.0)
    history.frontier.add(again)
    history.frontier.start(again, rows, history.now)
    assert [task.spec.task_id for task in settle(history)] == ["s"]
    history.report(find(again, "s"), "success", xcoms=leave(items))
    for task in settle(history):
        history.report(task, "success")
    assert spread(again)["m"] == {i: {"S": "success", "R": "removed"}[state] for i, state in expected.items()}
    assert [task.spec.task_id for task in settle(history)] == ["z"]


def test_branch_skips_the_instances_with_its_own_index() -> None:
    history = History()
    tasks = [{"task_id": "g.b", "group": "g"}]
    tasks += [{"task_id": f"g.{name}", "group": "g", "upstream": ["g.b"]} for name in "xy"]
    run = history.add_run(read_tasks([*tasks, {"task_id": "z", "upstream": ["g.x"]}], {"literal": 2}))
    for task, skipped in zip(settle(history), (["g.x", "z"], ["g.y"]), strict=True):
        history.report(task, "success", details={"skip": skipped})
    assert [(task.spec.task_id, task.map_index) for task in settle(history)] == [("g.x", 1), ("g.y", 0)]
    assert spread(run)["z"] == {-1: "skipped"}  # by its rule: an instance skips no task that has no index


def test_branch_outside_skips_every_instance() -> None:
    history = History()
    tasks = [{"task_id": "b"}, {"task_id": "m", "upstream": ["b"], "over": {"literal": 3}}]
    run = history.add_run(read_tasks(tasks))
    history.turn()
    history.report(find(run, "b"), "success", details={"skip": ["m"]})
    assert (spread(run)["m"], run.state) == (dict.fromkeys(range(3), "skipped"), DagRunState.SUCCESS)


def test_expansion_is_taken_back_when_its_run_ends_in_the_same_turn() -> None:
    history = History()
    run = history.add_run(read_tasks([*SOURCE, {"task_id": "f"}]), fail_fast=True)
    history.turn()
    history.report(find(run, "s"), "success", xcoms=leave(5))
    history.report(find(run, "f"), "failed")
    assert settle(history) == []
    assert (spread(run)["m"], run.unfinished, run.state) == ({-1: "skipped"}, 0, DagRunState.FAILED)


def test_expanding_run_is_not_stuck() -> None:
    history = History()
    run = history.add_run(read_tasks(SOURCE))
    history.turn()
    history.report(find(run, "s"), "success", xcoms=leave(2))
    assert not history.frontier.is_stuck(run)


def test_limit_of_a_mapped_task_counts_its_instances() -> None:
    history = History()
    history.add_run(read_tasks([{"task_id": "m", "over": {"literal": 9}, "max_active_tis_per_dagrun": 4}]))
    assert len(settle(history)) == 4


def test_next_run_waits_for_every_instance_of_the_one_before() -> None:
    history = History()
    tasks = [SOURCE[0], {**SOURCE[1], "depends_on_past": True}]
    first = history.add_run(read_tasks(tasks))
    after = Run(first.row._replace(id=2, run_id="r2"), first.plan, DagRunState.RUNNING, 1.0)
    history.frontier.add(after)
    history.frontier.follow(1, after, {"s": 1, "m": 1}, 1.0)
    history.frontier.start(after, history.make_rows(after), 1.0)
    for _ in range(2):  # the sources of both, then the instances of the first
        for task in settle(history):
            history.report(task, "success", xcoms=leave(2) if task.spec.task_id == "s" else {})
            if task.spec.task_id == "m" and task.map_index == 0:
                assert not any(other.run is after for other in settle(history))
    assert {(task.run.key, task.map_index) for task in settle(history)} == {(2, 0), (2, 1)}


@pytest.mark.parametrize(("newcomers", "starts"), [(frozenset({"a"}), ["a"]), (frozenset(), [])])
def test_task_that_no_run_had_before_need_not_wait(newcomers: frozenset[str], starts: list[str]) -> None:
    history = History()
    run = history.add_run([TaskSpec("b"), TaskSpec("a", upstream=("b",), depends_on_past=True)])
    history.frontier.follow(7, run, {"b": 0}, 1.0, newcomers)
    history.turn()
    history.report(find(run, "b"), "success")
    assert history.turn() == starts


def test_skip_waits_for_the_run_before_when_asked_to() -> None:
    history = History()
    patient = TaskSpec("a", upstream=("b",), depends_on_past=True, wait_for_past_depends_before_skipping=True)
    first = history.add_run([TaskSpec("b"), patient])
    history.turn()
    after = Run(first.row._replace(id=2, run_id="r2"), first.plan, DagRunState.RUNNING, 1.0)
    history.frontier.add(after)
    history.frontier.follow(1, after, {"b": 1, "a": 1}, 1.0)
    history.frontier.start(after, history.make_rows(after), 1.0)
    history.turn()
    history.report(find(after, "b"), "skipped")
    assert find(after, "a").state is None
    history.report(find(first, "b"), "success")
    history.turn()
    history.report(find(first, "a"), "success")
    assert find(after, "a").state is S.SKIPPED


def test_label_of_an_instance_is_kept() -> None:
    history = History()
    run = history.add_run(read_tasks([{"task_id": "m", "over": {"literal": 1}}]))
    history.turn()
    task = find(run, "m", 0)
    history.report(task, "success", details={"map_index_label": "first\0"})
    assert history.frontier.changes.labels == {task.id: "first"}


def test_timed_out_run_skips_what_is_not_expanded() -> None:
    history = History()
    run = history.add_run(read_tasks(SOURCE))
    history.turn()
    reports.time_out_run(history.frontier, run.tasks, 500.0, "too long")
    assert spread(run) == {"s": {-1: "skipped"}, "m": {-1: "skipped"}}
