"""By when a run must have ended."""

from __future__ import annotations

from typing import Any

import pytest

from runner.domain.deadlines import BadDeadline, Due, NewRunFacts, is_missed, plan_deadlines
from runner.domain.spec import DagSpec, TaskSpec

RUN = NewRunFacts(logical_date=100.0, interval_end=200.0, queued_at=300.0, is_scheduled=True)


def spec(*references: dict[str, Any], **task: Any) -> DagSpec:
    items = tuple(
        {"name": f"n{i}", "number": i, "reference": item, "interval": 7.0}
        for i, item in enumerate(references)
    )
    return DagSpec("d", "f.py", (TaskSpec("a", **task),), {"kind": "null"}, deadlines=items)


@pytest.mark.parametrize(
    ("reference", "at"),
    [
        ({"kind": "logical_date"}, 107.0),
        ({"kind": "queued_at"}, 307.0),
        ({"kind": "fixed", "at": 50.0}, 57.0),
        ({"kind": "average_runtime", "max_runs": 5, "min_runs": 2}, 322.0),
        ({"kind": "average_runtime", "max_runs": 5, "min_runs": 3}, None),
    ],
)
def test_a_deadline_counts_from_its_reference(reference: dict[str, Any], at: float | None) -> None:
    found = plan_deadlines(spec(reference), RUN, lambda most: [10.0, 20.0][:most])
    assert found == ([] if at is None else [Due(at, "n0", number=0)])


def test_a_run_without_a_logical_date_has_no_such_deadline() -> None:
    run = NewRunFacts(None, None, 300.0, False)
    assert plan_deadlines(spec({"kind": "logical_date"}, sla=60.0), run, lambda _most: []) == []


def test_there_can_be_no_run_while_a_deadline_has_no_interval() -> None:
    item = {
        "name": "n",
        "number": 0,
        "reference": {"kind": "logical_date"},
        "interval": None,
        "fault": "not there",
    }
    dag = DagSpec("d", "f.py", (), {"kind": "null"}, deadlines=(item,))
    with pytest.raises(BadDeadline, match="not there"):
        plan_deadlines(dag, NewRunFacts(None, None, 300.0, False), lambda _most: [])


def test_an_sla_counts_from_the_end_of_a_scheduled_interval() -> None:
    assert plan_deadlines(spec(sla=60.0), RUN, lambda _most: []) == [Due(260.0, "sla", "a")]


@pytest.mark.parametrize(("ended", "missed"), [(None, True), (9.0, False), (10.0, False), (11.0, True)])
def test_a_promise_is_broken_by_what_ends_later(ended: float | None, missed: bool) -> None:
    assert is_missed(10.0, ended) is missed
