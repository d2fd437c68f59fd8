"""LatestOnlyOperator: what comes after it runs in the newest scheduled interval only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from airflow.operators.branch import BaseBranchOperator
from airflow.utils.timezone import utcnow


class LatestOnlyOperator(BaseBranchOperator):
    """Skips its direct successors when the run is not the newest. A run that somebody asked for always goes on."""

    ui_color = "#e9ffdb"

    def choose_branch(self, context: Any) -> str | Iterable[str]:
        run = context["dag_run"]
        if run.external_trigger or run.run_type == "manual":
            self.log.info("The run was asked for by hand: allowing execution to proceed.")
            return list(context["task"].downstream_task_ids)
        begin, end = self._window(run)
        now = utcnow()
        self.log.info("Checking latest only with left_window: %s right_window: %s now: %s", begin, end, now)
        if end is not None and now > end:
            return []
        return list(context["task"].downstream_task_ids)

    @staticmethod
    def _window(run: Any) -> tuple[dt.datetime, dt.datetime | None]:
        """When this run began to be the newest and when it ceases to be: one interval later, or at the next tick."""
        begin = run.data_interval_end or run.logical_date
        if run.data_interval_start is not None and run.data_interval_end > run.data_interval_start:
            return begin, begin + (run.data_interval_end - run.data_interval_start)
        return begin, run.next_logical_date
