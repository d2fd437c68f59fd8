"""EmptyOperator: a node without work, for joining and branching. It ends in success without a process."""

from __future__ import annotations

from typing import Any

from airflow.models.baseoperator import BaseOperator


class EmptyOperator(BaseOperator):
    """Does nothing."""

    ui_color = "#e8f7e4"
    inherits_from_empty_operator = True

    def execute(self, context: Any) -> None:
        """Nothing."""


DummyOperator = EmptyOperator
