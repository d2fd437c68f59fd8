"""Airflow's own answers to trigger rules, setups and teardowns, ends of runs, and dependencies on the run before."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from runner.domain.decide import Standing, judge_start
from runner.domain.graph import DagGraph, build
from runner.domain.past import count_unmet, is_past_met
from runner.domain.runs import judge_end
from runner.domain.setups import Extras, find_deciding_leaves, plan_extras
from runner.domain.spec import TaskSpec
from runner.domain.states import TERMINAL, TaskInstanceState
from runner.domain.trigger_rules import Counts
from tests.vectors.counting import count_upstreams
from tests.vectors.report import Report, tally

Row = Mapping[str, Any]
States = Mapping[str, str | None]
TEARDOWN_RULE = "all_done_setup_success"


def run(data: Mapping[str, Any]) -> Report:
    """Judge every row of every section."""
    return tally(_judge_all(data))


def judge(graph: DagGraph, name: str, states: States) -> str:
    """What becomes of a task when the others stand like this: the word that the file uses."""
    position = graph.index[name]
    found = [None if i == position else _read(states.get(t.task_id)) for i, t in enumerate(graph.tasks)]
    extras = plan_extras(graph).get(position, Extras())
    standing = Standing(
        count_upstreams(graph, position, found),
        len(graph.upstream[position]),
        [found[i] for i in extras.setups],
        lambda: all(found[i] in TERMINAL for i in extras.scope),
    )
    return judge_start(graph.tasks[position], standing).value


def judge_direct(row: Row) -> dict[str, str]:
    """Rule -> what becomes of a task with these upstreams."""
    counts = Counts(**{name: number for name, number in row["counts"].items() if name != "unfinished"})
    upstream = tuple(f"t{i}" for i in range(row["upstream"]))
    return {
        rule: judge_start(
            TaskSpec("x", upstream=upstream, trigger_rule=rule), Standing(counts, row["upstream"])
        ).value
        for rule in row["expect"]
    }


def judge_teardown(row: Row) -> str:
    """Two setups, work between them and a teardown."""
    work = TaskSpec("work", upstream=("setup1", "setup2"))
    graph = build([setup("setup1"), setup("setup2"), work, teardown("setup1", "setup2", "work")])
    return judge(graph, "teardown", row)


def judge_scope(row: Row) -> str:
    """A teardown that does not wait for some of the work directly."""
    work = [TaskSpec("work1", upstream=("setup",)), TaskSpec("work2", upstream=("work1",))]
    return judge(build([setup("setup"), *work, teardown("setup", "work2")]), "teardown", row)


def judge_indirect(row: Row) -> dict[str, str]:
    """Rule -> what becomes of a task whose setup is not its direct upstream."""
    states = {"setup": row["indirect_setup"], "work": row["direct_upstream"]}
    found = {}
    for rule in row["expect"]:
        tasks = [setup("setup"), TaskSpec("work", upstream=("setup",))]
        tasks += [TaskSpec("x", upstream=("work",), trigger_rule=rule), teardown("setup", "x")]
        found[rule] = judge(build(tasks), "x", states)
    return found


def judge_run(row: Row) -> str:
    """How a run stands: as its leaves do once all is over."""
    if "leaves" in row:
        names = dict(enumerate(row["leaves"]))
        graph = build([TaskSpec(f"t{i}") for i in names])
    else:
        names = {i: row[name] for i, name in enumerate(("setup", "work", "teardown"))}
        fails_run = row["shape"].endswith("on_failure_fail_dagrun")
        work = TaskSpec("work", upstream=("setup",))
        graph = build([setup("setup"), work, teardown("setup", "work", fails_run=fails_run)])
    states = [_read(name) for name in names.values()]
    if any(state not in TERMINAL for state in states):
        return "running"
    return judge_end(states[i] for i in find_deciding_leaves(graph)).value


def judge_past(row: Row) -> dict[str, str]:
    """What two kinds of dependency make of a task and its downstream in the run before."""
    own, below = count_unmet([_read(row["prev_ti"])]), count_unmet([_read(row["prev_downstream"])])
    answers = {"depends_on_past": is_past_met(own), "wait_for_downstream": is_past_met(own, [below])}
    return {name: "run" if met else "wait" for name, met in answers.items() if name in row}


def setup(name: str) -> TaskSpec:
    """A setup without upstreams."""
    return TaskSpec(name, is_setup=True)


def teardown(*upstream: str, fails_run: bool = False) -> TaskSpec:
    """The task `teardown`."""
    return TaskSpec(
        "teardown",
        upstream=upstream,
        is_teardown=True,
        trigger_rule=TEARDOWN_RULE,
        on_failure_fail_dagrun=fails_run,
    )


SECTIONS: dict[str, tuple[Callable[[Row], Any], Callable[[Row], Any]]] = {
    "direct": (judge_direct, lambda row: row["expect"]),
    "teardown": (judge_teardown, lambda row: row["teardown"]),
    "teardown_scope": (judge_scope, lambda row: row["teardown"]),
    "indirect_setup": (judge_indirect, lambda row: row["expect"]),
    "dagrun_state": (judge_run, lambda row: row["dagrun"]),
    "past": (
        judge_past,
        lambda row: {name: row[name] for name in ("depends_on_past", "wait_for_downstream") if name in row},
    ),
}
"""Section -> how we answer a row, and what Airflow answered."""


def _judge_all(data: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    for section, (answer, expect) in SECTIONS.items():
        for row in data.get(section, ()):
            yield f"{section} {json.dumps(row)}", _compare(answer(row), expect(row))
    for row in data.get(
        "mapped_upstream_differs_from_plain", ()
    ):  # there is none: ours count alike, as Airflow's
        yield f"mapped_upstream_differs_from_plain {json.dumps(row)}", "we treat instances and tasks alike"


def _compare(found: Any, expected: Any) -> str | None:
    return None if found == expected else f"we say {found}"


def _read(name: str | None) -> TaskInstanceState | None:
    return TaskInstanceState(name) if name else None
