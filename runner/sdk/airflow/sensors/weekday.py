"""DayOfWeekSensor: waits for a day of the week."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from airflow.sensors.base import BaseSensorOperator
from airflow.utils.timezone import utcnow
from airflow.utils.weekday import WeekDay


class DayOfWeekSensor(BaseSensorOperator):
    """The wait is over when today (UTC), or the day of the run with `use_task_logical_date`, is one of `week_day`.

    Raises AttributeError for a day that does not exist.
    """

    def __init__(
        self,
        *,
        week_day: str | Iterable[str] | WeekDay | Iterable[WeekDay],
        use_task_logical_date: bool = False,
        use_task_execution_day: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.week_day = week_day
        self.use_task_logical_date = use_task_logical_date or use_task_execution_day
        self._week_day_num = WeekDay.validate_week_day(week_day)

    def poke(self, context: Any) -> bool:
        today = utcnow()
        self.log.info(
            "Poking until weekday is in %s, Today is %s", self.week_day, WeekDay(today.isoweekday()).name
        )
        if self.use_task_logical_date:
            today = context.get("logical_date") or context["dag_run"].run_after
        return today.isoweekday() in self._week_day_num
