"""SmoothOperator: an old joke that DAG files may rely on."""

from __future__ import annotations

from typing import Any

from airflow.models.baseoperator import BaseOperator


class SmoothOperator(BaseOperator):
    """Logs a link to a song."""

    ui_color = "#e8f7e4"
    yt_link = "https://www.youtube.com/watch?v=4TYv2PhG89A"

    def execute(self, context: Any) -> None:
        self.log.info("Enjoy Sade - Smooth Operator: %s", self.yt_link)
