"""Graphs, weights, delays between tries, and the queue for slots."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.domain.graph import BadGraph, build, resolve_priorities
from runner.domain.retry import MAX_DELAY, retry_delay
from runner.domain.slots import Demand, Limits, ReadyQueue, Usage, is_blocked
from runner.domain.spec import TaskSpec, read_dag
from runner.domain.states import RUN_TRANSITIONS, TRANSITIONS, DagRunState, TaskInstanceState


def diamond(rule: str) -> list[TaskSpec]:
    edges = {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")}
    return [
        TaskSpec(n, upstream=u, priority_weight=i + 1, weight_rule=rule)
        for i, (n, u) in enumerate(edges.items())
    ]


@pytest.mark.parametrize(
    ("rule", "weights"),
    [("downstream", [10, 6, 7, 4]), ("upstream", [1, 3, 4, 10]), ("absolute", [1, 2, 3, 4])],
)
def test_weight_counts_every_reachable_task_once(rule: str, weights: list[int]) -> None:
    assert resolve_priorities(build(diamond(rule))) == weights


def test_graph_knows_its_edges_both_ways() -> None:
    graph = build(diamond("absolute"))
    assert (graph.roots, graph.leaves, graph.order[0], graph.order[-1]) == ([0], [3], 0, 3)
    assert (graph.find_all_upstream(3), graph.find_all_downstream(0)) == ({0, 1, 2}, {1, 2, 3})


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ([TaskSpec("a", upstream=("b",)), TaskSpec("b", upstream=("a",))], "cycle among a, b"),
        ([TaskSpec("a", upstream=("a",))], "cycle among a"),
        ([TaskSpec("a", upstream=("ghost",))], "no task is called 'ghost'"),
        ([TaskSpec("a"), TaskSpec("a")], "same task_id"),
    ],
)
def test_bad_graph_is_refused_with_the_names_at_fault(tasks: list[TaskSpec], message: str) -> None:
    with pytest.raises(BadGraph, match=message):
        build(tasks)


def test_absent_and_null_keys_get_defaults() -> None:
    spec = read_dag({"dag_id": "d", "file": "f", "end_date": None, "tasks": [{"task_id": "a", "pool": None}]})
    assert (spec.tasks[0].pool, spec.tasks[0].retry_delay, spec.timetable) == (
        "default_pool",
        300.0,
        {"kind": "null"},
    )
    assert (spec.first, spec.last) == (None, None)


def test_start_date_is_the_dags_or_its_earliest_tasks() -> None:
    tasks = [
        {"task_id": "a", "start_date": "1970-01-01T00:02:00+00:00"},
        {"task_id": "b", "start_date": "1970-01-01"},
    ]
    assert read_dag({"dag_id": "d", "file": "f", "tasks": tasks}).first == 0.0
    own = {"dag_id": "d", "file": "f", "tasks": tasks, "start_date": "1970-01-01T01:00:10+01:00"}
    assert read_dag(own).first == 10.0


def test_delay_is_the_same_every_time_without_backoff() -> None:
    assert {retry_delay(TaskSpec("a", retry_delay=7.0), n, "s") for n in range(1, 50)} == {7.0}


@given(
    st.floats(0.0, 1e6),
    st.floats(1.0, 10.0),
    st.integers(1, 5000),
    st.one_of(st.none(), st.floats(1.0, 1e5)),
)
def test_backoff_lies_between_one_and_two_steps_and_under_its_caps(
    delay: float, factor: float, number: int, cap: float | None
) -> None:
    task = TaskSpec("a", retry_delay=delay, retry_exponential_backoff=factor, max_retry_delay=cap)
    found = retry_delay(task, number, "seed")
    assert 1.0 <= found <= (cap or MAX_DELAY)
    assert found == retry_delay(task, number, "seed")
    if number < 5 and cap is None and 1.0 < delay * factor ** (number - 1) < MAX_DELAY / 3:
        assert delay * factor ** (number - 1) <= found <= 2 * (delay * factor ** (number - 1) + 1)


def test_backoff_spreads_tasks_that_failed_together() -> None:
    task = TaskSpec("a", retry_delay=100.0, retry_exponential_backoff=2.0)
    assert len({retry_delay(task, 3, f"run{n}") for n in range(50)}) > 30


demands = st.lists(
    st.builds(
        Demand,
        key=st.integers(0, 10_000),
        dag_id=st.sampled_from("xy"),
        run=st.integers(1, 2),
        task_id=st.sampled_from("ab"),
        pool=st.sampled_from(["p", "q", "gone"]),
        pool_slots=st.integers(1, 2),
        priority=st.integers(0, 3),
        run_after=st.just(1.0),
        max_active_tasks=st.just(4),
        per_dag=st.one_of(st.none(), st.just(2)),
        per_run=st.one_of(st.none(), st.just(1)),
    ),
    max_size=30,
    unique_by=lambda demand: demand.key,
)


@given(demands, st.integers(0, 12))
def test_admission_breaks_no_limit_and_leaves_nobody_who_could_go(waiting: list[Demand], free: int) -> None:
    queue, usage, limits = ReadyQueue(), Usage(), Limits({"p": 3, "q": -1})
    for demand in waiting:
        queue.add(demand)
    admitted = queue.admit(free, usage, limits)
    assert len(admitted) <= free and usage.pools["p"] <= 3 and max(usage.dags.values(), default=0) <= 4
    left = [demand for demand in waiting if demand not in admitted]
    assert len(queue) == len(left)
    if len(admitted) < free:
        assert all(is_blocked(demand, usage, limits) for demand in left)
    for demand in admitted:
        usage.take(demand, -1)
    assert not any(usage.pools.values()) and not any(usage.dags.values()) and not any(usage.tasks.values())


def test_forgotten_task_is_not_admitted() -> None:
    queue = ReadyQueue()
    queue.add(Demand(1, "d", 1, "a", "p", 1, 0, 0.0, 9))
    queue.discard(1)
    assert queue.admit(5, Usage(), Limits({"p": 5})) == []


def test_every_state_can_be_reached_and_every_end_can_be_cleared() -> None:
    reached = {target for steps in TRANSITIONS.values() for target in steps}
    assert reached == {None, *TaskInstanceState}
    assert TRANSITIONS.keys() == {None, *TaskInstanceState}
    assert all(
        None in TRANSITIONS[state] for state in TaskInstanceState if state is not TaskInstanceState.RUNNING
    )
    assert RUN_TRANSITIONS.keys() == set(DagRunState)
