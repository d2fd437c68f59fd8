"""Histories: what happened goes in, what starts and how tasks stand comes out."""

from __future__ import annotations

import pytest
from airflow._wire import messages
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.domain.spec import TaskSpec
from runner.domain.states import TERMINAL, DagRunState, TaskInstanceState
from runner.domain.trigger_rules import RULES, Outcome
from runner.scheduler import reports
from runner.scheduler.dispatch import make_workload
from runner.scheduler.instances import Run
from runner.scheduler.judging import judge
from tests.unit.runner.scheduler.histories import AGENT, LINK, History, find, states
from tests.vectors.counting import count_upstreams

S = TaskInstanceState


def chain(*names: str, **fields: object) -> list[TaskSpec]:
    return [TaskSpec(n, upstream=names[i - 1 : i] if i else (), **fields) for i, n in enumerate(names)]  # type: ignore[arg-type]


def test_finished_task_unlocks_the_next_in_the_same_turn() -> None:
    history = History()
    run = history.add_run(chain("a", "b"))
    assert history.turn() == ["a"]
    history.report(find(run, "a"), "success")
    assert history.turn() == ["b"]
    history.report(find(run, "b"), "success")
    assert run.state is DagRunState.SUCCESS


def test_noop_tasks_cascade_without_a_process() -> None:
    history = History()
    run = history.add_run(chain("a", "b", "c", noop=True))
    assert history.turn() == []
    assert set(states(run).values()) == {"success"}
    assert [task.try_number for task in run.tasks] == [1, 1, 1]
    assert run.state is DagRunState.SUCCESS


def test_failure_spreads_and_fails_the_run() -> None:
    history = History()
    run = history.add_run(chain("a", "b", "c"))
    history.turn()
    history.report(find(run, "a"), "failed", reason="exit code 1")
    assert states(run) == {"a": "failed", "b": "upstream_failed", "c": "upstream_failed"}
    assert (run.state, find(run, "a").reason) == (DagRunState.FAILED, "exit code 1")


def test_failed_try_is_repeated_after_its_delay_with_a_new_attempt() -> None:
    history = History()
    run = history.add_run([TaskSpec("a", retries=1, retry_delay=60.0)])
    history.turn()
    task = find(run, "a")
    first = task.attempt
    history.report(task, "failed")
    assert (task.state, task.next_at) == (S.UP_FOR_RETRY, 160.0)
    history.turn()
    history.frontier.wake(task, 159.0)
    assert history.turn() == []
    history.now = 160.0
    history.frontier.wake(task, history.now)
    changes = history.frontier.changes
    assert history.turn() == ["a"]
    assert (task.try_number, task.attempt != first) == (2, True)
    assert [row["try_number"] for row in changes.tries] == [1]
    assert [place["x_task_id"] for place in changes.dropped_xcoms] == ["a"]
    history.report(task, "failed")
    assert task.state is S.FAILED


def test_rescheduled_task_goes_on_with_its_try_also_after_waiting_for_a_slot() -> None:
    history = History(slots=1)
    run = history.add_run([TaskSpec("a"), TaskSpec("b", priority_weight=5)])
    assert history.turn() == ["b"]
    task = find(run, "b")
    history.report(task, "up_for_reschedule", until=200.0)
    assert history.turn() == ["a"]
    history.now = 200.0
    history.frontier.wake(task, history.now)
    assert (history.turn(), task.state) == ([], S.SCHEDULED)
    history.report(find(run, "a"), "success")
    assert history.turn() == ["b"]
    assert (task.try_number, task.start_date) == (1, 100.0)
    assert make_workload(task, False)["extra"] == {"first_start": 100.0, "reschedules": 1}


def test_reschedules_are_counted_within_a_try() -> None:
    history = History()
    run = history.add_run([TaskSpec("a", retries=1, retry_delay=1.0)])
    task, counts = find(run, "a"), []
    for state in ("up_for_reschedule", "up_for_reschedule", "failed", "up_for_reschedule", "success"):
        assert history.turn() == ["a"]
        history.report(task, state, until=history.now)
        counts.append((task.try_number, task.reschedules))
        history.now += 100.0
        history.frontier.wake(task, history.now)
    assert counts == [(1, 1), (1, 2), (1, 2), (2, 1), (2, 1)]


@pytest.mark.parametrize("until", [100.0, 107.5])
def test_next_try_is_due_when_the_failure_says_so_whatever_the_task_says(until: float) -> None:
    history = History()
    run = history.add_run([TaskSpec("a", retries=2, retry_delay=60.0, retry_exponential_backoff=2.0)])
    task = find(run, "a")
    history.turn()
    history.report(task, "failed", until=until)
    assert (task.state, task.next_at) == (S.UP_FOR_RETRY, until)
    history.now = until
    history.frontier.wake(task, until)
    assert history.turn() == ["a"]
    history.report(task, "failed")  # the word counted for that try only
    assert task.next_at is not None and task.next_at >= until + 120.0
    history.now = task.next_at
    history.frontier.wake(task, history.now)
    history.turn()
    history.report(task, "failed", until=until)
    assert (task.state, task.next_at, task.try_number) == (S.FAILED, None, 3)


def test_final_failure_is_not_tried_again() -> None:
    history = History()
    run = history.add_run([TaskSpec("a", retries=5)])
    history.turn()
    history.report(find(run, "a"), "failed", retry=False)
    assert find(run, "a").state is S.FAILED


def test_stale_report_changes_nothing_and_is_acknowledged() -> None:
    history = History()
    run = history.add_run([TaskSpec("a")])
    history.turn()
    outcome = messages.outcome("failed", started_at=None, ended_at=1.0)
    reports.note_finished(history.frontier, LINK, messages.finished("other", outcome), 1.0)
    assert find(run, "a").state is S.QUEUED
    assert history.frontier.changes.acks == {LINK: ["other"]}
    assert not history.frontier.changes.tasks


def test_start_that_arrives_after_the_end_is_told_to_stop_and_changes_nothing() -> None:
    history = History()
    run = history.add_run([TaskSpec("a")])
    history.turn()
    attempt = find(run, "a").attempt or ""
    history.report(find(run, "a"), "success")
    reports.note_started(history.frontier, AGENT, "h", messages.started(attempt, 1, 1.0))
    assert find(run, "a").state is S.SUCCESS


def test_branch_skips_what_it_names_before_anything_follows() -> None:
    history = History()
    below = [TaskSpec("b", upstream=("a",)), TaskSpec("c", upstream=("a",)), TaskSpec("d", upstream=("b",))]
    run = history.add_run([TaskSpec("a"), *below])
    history.turn()
    history.report(find(run, "a"), "success", details={"skip": ["b"]})
    assert history.turn() == ["c"]
    assert states(run)["d"] == "skipped"


def test_fail_fast_stops_what_runs_and_skips_the_rest() -> None:
    history = History()
    run = history.add_run([TaskSpec("a"), TaskSpec("b"), *chain("c", "d")], fail_fast=True)
    history.slots = 2
    history.turn()
    attempt = find(run, "b").attempt
    history.report(find(run, "a"), "failed")
    assert states(run) == {"a": "failed", "b": "failed", "c": "skipped", "d": "skipped"}
    assert [order.attempt for order in history.frontier.changes.stops] == [attempt]
    assert run.state is DagRunState.FAILED


def test_xcoms_ride_with_the_state() -> None:
    history = History()
    run = history.add_run([TaskSpec("a")])
    history.turn()
    history.report(find(run, "a"), "success", xcoms={"return_value": {"x": 1}})
    assert [row["value"] for row in history.frontier.changes.xcoms.values()] == ['{"x":1}']


def test_cleared_task_restarts_when_its_process_is_gone() -> None:
    history = History()
    run = history.add_run([TaskSpec("a")])
    history.turn()
    task = find(run, "a")
    reports.note_started(history.frontier, AGENT, "h", messages.started(task.attempt or "", 7, 101.0))
    task.state = S.RESTARTING  # as read again after `clear`
    history.report(task, "failed")
    assert task.state is None
    history.turn()
    history.frontier.wake(task, history.now)
    assert history.turn() == ["a"]
    assert task.try_number == 2


def test_priority_then_time_then_arrival_decide_when_slots_are_few() -> None:
    history = History(slots=1)
    run = history.add_run(
        [TaskSpec("low"), TaskSpec("high", priority_weight=9), TaskSpec("mid", priority_weight=5)]
    )
    order = []
    for _ in range(3):
        order += (started := history.turn())
        history.report(find(run, started[0]), "success")
    assert order == ["high", "mid", "low"]


def test_full_pool_holds_back_its_own_tasks_only() -> None:
    history = History(pools={"default_pool": 9, "small": 2})
    tasks = [TaskSpec(f"s{i}", pool="small", pool_slots=2, priority_weight=9) for i in range(3)]
    history.add_run([*tasks, TaskSpec("free"), TaskSpec("nowhere", pool="gone")])
    assert history.turn() == ["s0", "free"]


@pytest.mark.parametrize(
    ("fields", "dag_fields", "running"),
    [
        ({}, {"max_active_tasks": 3}, 3),
        ({"max_active_tis_per_dag": 2}, {}, 8),
        ({"max_active_tis_per_dagrun": 1}, {}, 8),
    ],
)
def test_limits_per_dag_and_task_hold(
    fields: dict[str, int], dag_fields: dict[str, int], running: int
) -> None:
    history = History()
    tasks = [TaskSpec(f"t{i}", **fields) for i in range(4)]  # type: ignore[arg-type]
    for key in (1, 2):
        history.add_run(tasks, key=key, **dag_fields)
    assert len(history.turn()) == running


def test_limit_of_one_task_counts_all_runs_of_its_dag() -> None:
    history = History()
    for key in range(1, 5):
        history.add_run([TaskSpec("t", max_active_tis_per_dag=2)], key=key)
    assert len(history.turn()) == 2


def test_timed_out_run_skips_and_stops() -> None:
    history = History()
    run = history.add_run(chain("a", "b"))
    history.turn()
    reports.time_out_run(history.frontier, run.tasks, 500.0, "too long")
    assert states(run) == {"a": "skipped", "b": "skipped"}
    assert len(history.frontier.changes.stops) == 1


def test_task_waits_for_its_like_in_the_run_before() -> None:
    history = History()
    first = history.add_run(chain("a", "b", depends_on_past=True), key=1)
    second = history.add_run([], key=2, dag_id="none")
    history.frontier.drop(second.key)
    history.turn()
    after = Run(first.row._replace(id=2, run_id="r2"), first.plan, DagRunState.RUNNING, 1.0)
    history.frontier.add(after)
    history.frontier.follow(1, after, {"a": 1, "b": 1}, 1.0)
    history.frontier.start(after, history.make_rows(after), 1.0)
    assert history.turn() == []
    history.report(find(first, "a"), "success")
    assert sorted(history.turn()) == ["a", "b"]
    assert find(after, "a").state is S.QUEUED
    assert not history.frontier.is_stuck(after)


def test_reconcile_agrees_with_what_the_agent_holds() -> None:
    history = History()
    run = history.add_run([TaskSpec("never_arrived"), TaskSpec("lost", retries=1), TaskSpec("there")])
    history.turn()
    never, lost, there = run.tasks
    for task in (lost, there):
        reports.note_started(history.frontier, AGENT, "h", messages.started(task.attempt or "", 1, 1.0))
    reports.reconcile(history.frontier, LINK, AGENT, {there.attempt or "", "unknown"}, 5.0)
    changes = history.frontier.changes
    assert changes.starts == {LINK: [never]}
    assert (never.state, lost.state, there.state) == (S.QUEUED, S.UP_FOR_RETRY, S.RUNNING)
    assert [order.attempt for order in changes.stops] == ["unknown"]


@st.composite
def dags(draw: st.DrawFn) -> list[TaskSpec]:
    count = draw(st.integers(1, 9))
    rules = st.sampled_from(sorted(RULES.keys() - {"always"}) + ["all_success"] * 8)
    tasks = []
    for i in range(count):
        above = draw(st.sets(st.integers(0, i - 1), max_size=4)) if i else set()
        kind = draw(st.sampled_from(["plain"] * 6 + ["setup", "teardown", "noop"]))
        tasks.append(
            TaskSpec(
                f"t{i}",
                upstream=tuple(f"t{j}" for j in sorted(above)),
                trigger_rule="all_done_setup_success" if kind == "teardown" else draw(rules),
                retries=draw(st.integers(0, 1)),
                retry_delay=0.0,
                noop=kind == "noop",
                is_setup=kind == "setup",
                is_teardown=kind == "teardown",
            )
        )
    return tasks


@settings(max_examples=300, deadline=None)
@given(tasks=dags(), seed=st.randoms(use_true_random=False), slots=st.integers(1, 4))
def test_incremental_decisions_are_those_made_from_scratch(
    tasks: list[TaskSpec], seed: object, slots: int
) -> None:
    history = History(slots=slots)
    run = history.add_run(tasks)
    for _ in range(100):
        history.turn()
        check_against_reference(history, run)
        live = sorted(history.frontier.attempts.values(), key=lambda task: task.id)
        if not live:
            for task in run.tasks:
                history.frontier.wake(task, history.now)
            if not history.turn():
                break
            continue
        task = seed.choice(live)  # type: ignore[attr-defined]
        history.report(task, seed.choice(["success", "success", "failed", "skipped"]))  # type: ignore[attr-defined]
    assert run.state is not DagRunState.RUNNING or history.frontier.is_stuck(run)
    assert not history.frontier.usage.dags["d"]


def check_against_reference(history: History, run: Run) -> None:
    """No task that has not started could, or should have been refused; the counts are those of the states."""
    found, graph = [task.state for task in run.tasks], run.plan.graph
    for i, task in enumerate(run.tasks):
        assert run.counts[i] == count_upstreams(graph, i, found)
        if task.state is None and run.state is DagRunState.RUNNING:
            assert judge(task) is Outcome.WAIT
    assert run.unfinished == sum(state not in TERMINAL for state in found)
    assert len(history.frontier.attempts) <= history.slots
