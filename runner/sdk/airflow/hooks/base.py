"""BaseHook: what hooks derive from, and how DAG files read connections."""

from __future__ import annotations

import logging
from typing import Any

from airflow.models.connection import Connection, get_connection


class BaseHook:
    """Base of hooks. `get_connection` raises AirflowNotFoundException for an id that does not exist."""

    def __init__(self, logger_name: str | None = None) -> None:
        self._logger_name = logger_name

    @property
    def log(self) -> logging.Logger:
        name = self.__dict__.get("_logger_name")
        return logging.getLogger(name or f"airflow.task.hooks.{type(self).__module__}.{type(self).__name__}")

    @classmethod
    def get_connection(cls, conn_id: str) -> Connection:
        return get_connection(conn_id)

    @classmethod
    async def aget_connection(cls, conn_id: str) -> Connection:
        """`get_connection`, without holding up an event loop."""
        return await Connection.async_get(conn_id)

    @classmethod
    def get_connections(cls, conn_id: str) -> list[Connection]:
        return [get_connection(conn_id)]

    @classmethod
    def get_hook(cls, conn_id: str, hook_params: dict[str, Any] | None = None) -> Any:
        """The hook of a connection's type, from the provider package that has it."""
        return get_connection(conn_id).get_hook(hook_params=hook_params)

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Fields of a form in Airflow's own pages: none, unless a subclass has some."""
        return {}

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """How that form shows its fields."""
        return {}

    def get_conn(self) -> Any:
        """The client object; subclasses define it."""
        raise NotImplementedError(f"cannot connect: {type(self).__name__} does not define get_conn()")
