"""How runs end and what they wait for, against Airflow's own answers (tests/vectors/trigger_rules.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner.domain.decide import Standing, count_upstreams, judge_start
from runner.domain.graph import DagGraph, build
from runner.domain.past import count_unmet, is_past_met
from runner.domain.runs import judge_end
from runner.domain.setups import Extras, find_deciding_leaves, plan_extras
from runner.domain.spec import TaskSpec
from runner.domain.states import TERMINAL, TaskInstanceState

VECTORS = json.loads((Path(__file__).parents[3] / "vectors" / "trigger_rules.json").read_text())
TEARDOWN_RULE = "all_done_setup_success"


def state(name: str | None) -> TaskInstanceState | None:
    return TaskInstanceState(name) if name else None


def setup(name: str, *upstream: str) -> TaskSpec:
    return TaskSpec(name, upstream=upstream, is_setup=True)


def teardown(name: str, *upstream: str, fails_run: bool = False) -> TaskSpec:
    return TaskSpec(
        name,
        upstream=upstream,
        is_teardown=True,
        trigger_rule=TEARDOWN_RULE,
        on_failure_fail_dagrun=fails_run,
    )


def graph_of(shape: str, leaves: int) -> DagGraph:
    if not shape.startswith("setup"):
        return build([TaskSpec(f"t{i}") for i in range(leaves)])
    fails_run = shape.endswith("on_failure_fail_dagrun")
    work = TaskSpec("work", upstream=("setup",))
    return build([setup("setup"), work, teardown("teardown", "setup", "work", fails_run=fails_run)])


def describe(row: dict[str, Any]) -> str:
    return "-".join(str(value) for value in row.values())


@pytest.mark.parametrize("row", VECTORS["dagrun_state"], ids=describe)
def test_run_ends_as_in_airflow(row: dict[str, Any]) -> None:
    names = row.get("leaves") or [row["setup"], row["work"], row["teardown"]]
    graph, states = graph_of(row["shape"], len(names)), [state(name) for name in names]
    if any(found not in TERMINAL for found in states):
        assert row["dagrun"] == "running"  # a run is judged when all of its tasks are over
    else:
        assert judge_end([states[i] for i in find_deciding_leaves(graph)]) == row["dagrun"]


@pytest.mark.parametrize("row", VECTORS["past"], ids=describe)
def test_past_is_met_as_in_airflow(row: dict[str, Any]) -> None:
    previous, downstream = state(row["prev_ti"]), state(row["prev_downstream"])
    answers = {
        "depends_on_past": is_past_met(count_unmet([previous])),
        "wait_for_downstream": is_past_met(count_unmet([previous]), [count_unmet([downstream])]),
    }
    assert {name: "run" if met else "wait" for name, met in answers.items()} == {
        name: row[name] for name in answers
    }


def judge(graph: DagGraph, name: str, states: dict[str, str]) -> str:
    position = graph.index[name]
    found = [None if i == position else state(states.get(t.task_id)) for i, t in enumerate(graph.tasks)]
    extras = plan_extras(graph).get(position, Extras())
    standing = Standing(
        count_upstreams(graph, position, found),
        len(graph.upstream[position]),
        [found[i] for i in extras.setups],
        lambda: all(found[i] in TERMINAL for i in extras.scope),
    )
    return judge_start(graph.tasks[position], standing).value


@pytest.mark.parametrize("row", VECTORS["teardown"], ids=describe)
def test_teardown_follows_its_setups_as_in_airflow(row: dict[str, Any]) -> None:
    graph = build(
        [
            setup("setup1"),
            setup("setup2"),
            TaskSpec("work", upstream=("setup1", "setup2")),
            teardown("teardown", "setup1", "setup2", "work"),
        ]
    )
    assert judge(graph, "teardown", row) == row["teardown"]


@pytest.mark.parametrize("row", VECTORS["teardown_scope"], ids=describe)
def test_teardown_waits_for_its_scope_as_in_airflow(row: dict[str, Any]) -> None:
    work = [TaskSpec("work1", upstream=("setup",)), TaskSpec("work2", upstream=("work1",))]
    graph = build([setup("setup"), *work, teardown("teardown", "setup", "work2")])
    assert judge(graph, "teardown", row) == row["teardown"]


@pytest.mark.parametrize(
    "row", VECTORS["indirect_setup"], ids=lambda r: f"{r['indirect_setup']}-{r['direct_upstream']}"
)
def test_indirect_setup_decides_before_the_rule(row: dict[str, Any]) -> None:
    states = {"setup": row["indirect_setup"], "work": row["direct_upstream"]}
    found = {}
    for rule in row["expect"]:
        tasks = [setup("setup"), TaskSpec("work", upstream=("setup",))]
        tasks += [TaskSpec("x", upstream=("work",), trigger_rule=rule), teardown("teardown", "setup", "x")]
        found[rule] = judge(build(tasks), "x", states)
    assert found == row["expect"]
