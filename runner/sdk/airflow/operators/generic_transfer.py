"""GenericTransfer: rows of a query from one database into a table of another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.models.baseoperator import BaseOperator


class GenericTransfer(BaseOperator):
    """Reads `sql` from the source connection and inserts the rows into `destination_table` of the other.

    The hooks are those of the connections' types, from the provider packages that the environment has installed.
    `preoperator` (one statement or several) runs on the destination first. The rows are held in memory.
    """

    template_fields: Sequence[str] = (
        "source_conn_id", "destination_conn_id", "sql", "destination_table", "preoperator", "insert_args",
    )  # fmt: skip
    template_ext: Sequence[str] = (".sql", ".hql")
    ui_color = "#b0f07c"

    def __init__(
        self,
        *,
        sql: str,
        destination_table: str,
        source_conn_id: str,
        destination_conn_id: str,
        source_hook_params: dict[str, Any] | None = None,
        destination_hook_params: dict[str, Any] | None = None,
        preoperator: str | list[str] | None = None,
        insert_args: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sql, self.destination_table = sql, destination_table
        self.source_conn_id, self.destination_conn_id = source_conn_id, destination_conn_id
        self.source_hook_params, self.destination_hook_params = source_hook_params, destination_hook_params
        self.preoperator, self.insert_args = preoperator, insert_args or {}

    def execute(self, context: Any) -> None:
        from airflow.hooks.base import BaseHook

        source = BaseHook.get_hook(self.source_conn_id, self.source_hook_params)
        target = BaseHook.get_hook(self.destination_conn_id, self.destination_hook_params)
        self.log.info("Extracting data from %s", self.source_conn_id)
        rows = source.get_records(self.sql)
        if self.preoperator:
            target.run(self.preoperator)
        self.log.info("Inserting %s rows into %s", len(rows), self.destination_conn_id)
        target.insert_rows(table=self.destination_table, rows=rows, **self.insert_args)
