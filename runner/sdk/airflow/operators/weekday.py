"""BranchDayOfWeekOperator: which way to go depends on the day of the week."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from airflow.operators.branch import BaseBranchOperator
from airflow.utils.timezone import make_naive, utcnow
from airflow.utils.weekday import WeekDay


class BranchDayOfWeekOperator(BaseBranchOperator):
    """Follows `follow_task_ids_if_true` on the given days and `follow_task_ids_if_false` on all others.

    The day is today in the DAG's zone, or that of the run with `use_task_logical_date`.
    """

    def __init__(
        self,
        *,
        follow_task_ids_if_true: str | Iterable[str],
        follow_task_ids_if_false: str | Iterable[str],
        week_day: str | Iterable[str] | WeekDay | Iterable[WeekDay],
        use_task_logical_date: bool = False,
        use_task_execution_day: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.follow_task_ids_if_true = follow_task_ids_if_true
        self.follow_task_ids_if_false = follow_task_ids_if_false
        self.week_day = week_day
        self.use_task_logical_date = use_task_logical_date or use_task_execution_day
        self._week_day_num = WeekDay.validate_week_day(week_day)

    def choose_branch(self, context: Any) -> str | Iterable[str]:
        if self.use_task_logical_date:
            now = context.get("logical_date") or context["dag_run"].run_after
        else:
            now = make_naive(utcnow(), self.dag.timezone)
        chosen = now.isoweekday() in self._week_day_num
        return self.follow_task_ids_if_true if chosen else self.follow_task_ids_if_false
