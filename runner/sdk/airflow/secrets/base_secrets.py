"""BaseSecretsBackend: what a secrets backend derives from."""

from __future__ import annotations

from typing import Any


class BaseSecretsBackend:
    """Answers variables, connections and options by name; None for one it does not have."""

    @staticmethod
    def build_path(path_prefix: str, secret_id: str, sep: str = "/") -> str:
        return f"{path_prefix}{sep}{secret_id}"

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:
        """A connection as text, a URI or JSON; a backend defines this one or `get_connection`.

        Before 2.3 it was `get_conn_uri`.
        """
        older = getattr(self, "get_conn_uri", None)
        if older is None:
            raise NotImplementedError
        return older(conn_id)  # type: ignore[no-any-return]

    def deserialize_connection(self, conn_id: str, value: str) -> Any:
        """The connection that such a text means."""
        from airflow.models.connection import Connection

        text = value.strip()
        if text.startswith("{"):
            return Connection.from_json(text, conn_id)
        return Connection.from_uri(text, conn_id)

    def get_connection(self, conn_id: str, team_name: str | None = None) -> Any:
        value = self.get_conn_value(conn_id) if team_name is None else self.get_conn_value(conn_id, team_name)
        return self.deserialize_connection(conn_id, value) if value else None

    def get_connections(self, conn_id: str) -> list[Any]:
        found = self.get_connection(conn_id)
        return [found] if found else []

    def get_variable(self, key: str, team_name: str | None = None) -> str | None:
        raise NotImplementedError

    def get_config(self, key: str) -> str | None:
        return None
