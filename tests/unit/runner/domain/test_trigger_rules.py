"""Trigger rules against Airflow's own answers (tests/vectors/trigger_rules.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner.domain.decide import Standing, judge_start
from runner.domain.spec import TaskSpec
from runner.domain.states import TaskInstanceState
from runner.domain.trigger_rules import Counts, Outcome, evaluate

VECTORS = json.loads((Path(__file__).parents[3] / "vectors" / "trigger_rules.json").read_text())


def counts_of(**states: int) -> Counts:
    return Counts(**{name: number for name, number in states.items() if name != "unfinished"})


@pytest.mark.parametrize("row", VECTORS["direct"], ids=lambda row: str(row["counts"]))
def test_every_rule_answers_as_airflow(row: dict[str, Any]) -> None:
    found = {
        rule: evaluate(rule, counts_of(**row["counts"]), row["upstream"]).value for rule in row["expect"]
    }
    assert found == row["expect"]


def test_task_without_upstreams_runs_whatever_its_rule() -> None:
    rules = VECTORS["direct"][0]["expect"]
    alone = {judge_start(TaskSpec("t", trigger_rule=rule), Standing(Counts(), 0)) for rule in rules}
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
