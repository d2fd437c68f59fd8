"""Branches by the time and by the day; groups as targets."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from airflow import DAG
from airflow.exceptions import AirflowException
from airflow.operators.datetime import BranchDateTimeOperator, target_times_as_dates
from airflow.operators.weekday import BranchDayOfWeekOperator
from airflow.utils.weekday import WeekDay

from .conftest import Bundle

HEAD = """
from datetime import datetime, time
from airflow import DAG
from airflow.operators.branch import BaseBranchOperator
from airflow.operators.datetime import BranchDateTimeOperator
from airflow.operators.weekday import BranchDayOfWeekOperator
from airflow.operators.empty import EmptyOperator
from airflow.utils.task_group import TaskGroup
from airflow.utils.weekday import WeekDay
import pendulum
class Choose(BaseBranchOperator):
    def __init__(self, chosen, **kwargs):
        super().__init__(**kwargs)
        self.chosen = chosen
    def choose_branch(self, context):
        return self.chosen
common = dict(task_id='t', follow_task_ids_if_true='yes', follow_task_ids_if_false=['no'])
with DAG('d', start_date=pendulum.datetime(2024, 1, 1, tz='America/New_York')):
    yes, no = EmptyOperator(task_id='yes'), EmptyOperator(task_id='no')
    with TaskGroup('g') as group:
        first, second = EmptyOperator(task_id='first'), EmptyOperator(task_id='second')
        first >> second
"""


@pytest.mark.parametrize(
    "task, skipped",
    [
        ("BranchDayOfWeekOperator(week_day='Monday', use_task_logical_date=True, **common) >> [yes, no]", ["no"]),
        ("BranchDayOfWeekOperator(week_day={WeekDay.SUNDAY}, use_task_execution_day=True, **common) >> [yes, no]",
         ["yes"]),
        ("BranchDateTimeOperator(target_lower=time(5), target_upper=time(6), use_task_logical_date=True, **common)"
         " >> [yes, no]", ["yes"]),
        ("BranchDateTimeOperator(target_lower=datetime(2024, 5, 5, 19), target_upper=datetime(2024, 5, 5, 21),"
         " use_task_logical_date=True, **common) >> [yes, no]", ["no"]),
        ("BranchDateTimeOperator(target_lower=None, target_upper=datetime(2999, 1, 1), **common) >> [yes, no]", ["no"]),
        ("BranchDateTimeOperator(target_lower=datetime(2999, 1, 1), target_upper=None, **common) >> [yes, no]",
         ["yes"]),
        ("Choose('g', task_id='t') >> [yes, group]", ["yes"]),
        ("Choose(['yes', 'no'], task_id='t') >> [yes, no, group]", ["g.first"]),
        ("Choose((name for name in ['yes']), task_id='t') >> [yes, no]", ["no"]),
    ],
)  # fmt: skip
def test_branch(bundle: Bundle, task: str, skipped: list[str]) -> None:
    word = bundle.run(bundle.load(f"{HEAD}    {task}"), "t")
    assert word["state"] == "success", word["reason"]
    assert word["details"].get("skip", []) == skipped


def at(hour: int, day: int = 6) -> dt.datetime:
    return dt.datetime(2024, 5, day, hour, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "lower, upper, first, last",
    [
        (dt.time(10, tzinfo=dt.UTC), dt.time(11, tzinfo=dt.UTC), at(10), at(11)),
        (dt.time(22, tzinfo=dt.UTC), dt.time(2, tzinfo=dt.UTC), at(22), at(2, 7)),
        (at(22), at(2), at(22), at(2)),
        (at(22), dt.time(2, tzinfo=dt.UTC), at(22), at(2, 7)),
        (None, dt.time(2, tzinfo=dt.UTC), None, at(2)),
    ],
)
def test_times_become_dates(lower: Any, upper: Any, first: Any, last: Any) -> None:
    assert target_times_as_dates(at(12), lower, upper) == (first, last)


def test_wrong_arguments_are_named() -> None:
    follow = {
        "follow_task_ids_if_true": "a",
        "follow_task_ids_if_false": "b",
        "task_id": "t",
        "dag": DAG("d"),
    }
    with pytest.raises(AirflowException, match="both None"):
        BranchDateTimeOperator(target_lower=None, target_upper=None, **follow)
    with pytest.raises(TypeError, match="as a day of the week"):
        BranchDayOfWeekOperator(week_day=5, **{**follow, "task_id": "u"})  # type: ignore[arg-type]
    assert WeekDay.validate_week_day([WeekDay.MONDAY, "tuesday"]) == {1, 2}
