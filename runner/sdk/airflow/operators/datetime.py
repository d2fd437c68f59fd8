"""BranchDateTimeOperator: which way to go depends on the time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from airflow.exceptions import AirflowException
from airflow.operators.branch import BaseBranchOperator
from airflow.utils.timezone import utcnow

Bound = dt.datetime | dt.time | None


class BranchDateTimeOperator(BaseBranchOperator):
    """Follows `follow_task_ids_if_true` between `target_lower` and `target_upper`, else the other way.

    A time of the day means that of today (or of the run's day with `use_task_logical_date`) in the DAG's zone; an
    upper time before the lower one is that of the next day.
    """

    def __init__(
        self,
        *,
        follow_task_ids_if_true: str | Iterable[str],
        follow_task_ids_if_false: str | Iterable[str],
        target_lower: Bound,
        target_upper: Bound,
        use_task_logical_date: bool = False,
        use_task_execution_date: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if target_lower is None and target_upper is None:
            raise AirflowException(
                f"cannot create the task {self.task_id!r}: target_lower and target_upper are both None"
            )
        self.target_lower, self.target_upper = target_lower, target_upper
        self.follow_task_ids_if_true = follow_task_ids_if_true
        self.follow_task_ids_if_false = follow_task_ids_if_false
        self.use_task_logical_date = use_task_logical_date or use_task_execution_date

    def choose_branch(self, context: Any) -> str | Iterable[str]:
        now = utcnow()
        if self.use_task_logical_date:
            now = context.get("logical_date") or context["dag_run"].run_after
        lower, upper = (
            bound.replace(tzinfo=self.dag.timezone) if bound is not None and bound.tzinfo is None else bound
            for bound in target_times_as_dates(now, self.target_lower, self.target_upper)
        )
        outside = (upper is not None and upper < now) or (lower is not None and lower > now)
        return self.follow_task_ids_if_false if outside else self.follow_task_ids_if_true


def target_times_as_dates(
    base_date: dt.datetime, lower: Bound, upper: Bound
) -> tuple[dt.datetime | None, dt.datetime | None]:
    """The bounds as dates: a time is that of the day of `base_date`, an upper one before the lower the day after."""
    first, last = (
        bound
        if bound is None or isinstance(bound, dt.datetime)
        else dt.datetime.combine(base_date, bound, bound.tzinfo)
        for bound in (lower, upper)
    )
    given = isinstance(lower, dt.datetime) and isinstance(upper, dt.datetime)
    if first is not None and last is not None and not given and last < first:
        last += dt.timedelta(days=1)
    return first, last
