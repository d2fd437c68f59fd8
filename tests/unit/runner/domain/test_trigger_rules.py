"""Trigger rules, setups, ends of runs and the past against Airflow's own answers (tests/vectors/trigger_rules.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner.domain.decide import Standing, judge_start
from runner.domain.mapping import judge_sources
from runner.domain.past import is_past_met
from runner.domain.setups import find_deciding_leaves
from runner.domain.spec import TaskSpec
from runner.domain.states import TaskInstanceState
from runner.domain.trigger_rules import RULES, Counts, Outcome, evaluate, judge_setups
from tests.vectors.trigger_rules import SECTIONS, build, run, teardown

VECTORS = json.loads((Path(__file__).parents[3] / "vectors" / "trigger_rules.json").read_text())
ROWS = [(section, row) for section in SECTIONS for row in VECTORS[section]]
S = TaskInstanceState


@pytest.mark.parametrize(("section", "row"), ROWS, ids=lambda value: value if isinstance(value, str) else "")
def test_answer_is_airflows(section: str, row: dict[str, Any]) -> None:
    answer, expect = SECTIONS[section]
    assert answer(row) == expect(row)


def test_runner_of_the_vectors_says_what_differs() -> None:
    good, bad = VECTORS["teardown"][0], {**VECTORS["teardown"][0], "teardown": "nonsense"}
    report = run({"teardown": [good, bad], "mapped_upstream_differs_from_plain": []})
    assert (report.passed, len(report.failed)) == (1, 1)
    assert "we say run" in report.failed[0]


def test_task_without_upstreams_runs_whatever_its_rule() -> None:
    alone = {judge_start(TaskSpec("t", trigger_rule=rule), Standing(Counts(), 0)) for rule in RULES}
    assert alone == {Outcome.RUN}


def test_unknown_rule_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'all_succes'"):
        evaluate("all_succes", Counts(), 1)


def test_counting_in_and_out_leaves_nothing() -> None:
    counts = Counts(setups=1)
    for amount in (1, -1):
        for state in (None, *TaskInstanceState):
            counts.add(state, amount, is_setup=True)
    assert counts == Counts(setups=1)


@pytest.mark.parametrize(("map_index", "outcome"), [(-1, "run"), (0, "run"), (1, "run"), (2, "removed")])
def test_instance_whose_counterpart_was_removed_is_removed(map_index: int, outcome: str) -> None:
    assert evaluate("all_success", Counts(success=2, removed=1), 3, map_index=map_index) == outcome


def test_removed_setup_holds_back_only_what_has_no_index() -> None:
    assert judge_setups([S.SUCCESS, S.REMOVED]) is Outcome.WAIT
    assert judge_setups([S.SUCCESS, S.REMOVED], 0) is Outcome.RUN
    assert judge_setups([S.SUCCESS, S.REMOVED], 1) is Outcome.REMOVED


@pytest.mark.parametrize(
    ("states", "rule_says", "outcome"),
    [
        ([], "run", "run"),
        ([S.SUCCESS], "wait", "wait"),
        ([S.SUCCESS, S.SKIPPED], "run", "skipped"),
        ([S.SKIPPED, S.FAILED], "skipped", "upstream_failed"),
        ([S.SKIPPED], "upstream_failed", "upstream_failed"),
        ([S.REMOVED], "run", "wait"),
    ],
)
def test_sources_say_more_than_the_rule(states: list[S], rule_says: str, outcome: str) -> None:
    assert judge_sources(states, Outcome(rule_says)) == outcome


def test_failed_downstream_before_holds_back_who_waits_for_it() -> None:
    assert not is_past_met(0, [1])
    assert is_past_met(0, [0])
    assert (is_past_met(None), is_past_met(None, may_be_first=True)) == (False, True)


def test_teardowns_decide_when_there_is_nothing_else() -> None:
    assert find_deciding_leaves(build([teardown()])) == [0]
