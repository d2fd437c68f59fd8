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
        everything = list(context["task"].downstream_task_ids)
        if run.external_trigger or run.run_type == "manual":
            self.log.info("The run was asked for by hand: allowing execution to proceed.")
            return everything
        until, now = self._find_end(run), utcnow()
        self.log.info("Checking latest only: this run is the latest until %s, now is %s", until, now)
        return everything if until is None or now <= until else []

    @staticmethod
    def _find_end(run: Any) -> dt.datetime | None:
        """When the next run takes over: at the end of the interval after this one's. None: never."""
        from airflow._task.comms import required
        from airflow._wire import encoding

        following = required("find the next run").ask(
            "get_next_interval", {"dag_id": run.dag_id, "run_id": run.run_id}
        )
        return encoding.from_plain(following["end"]) if following["found"] else None
