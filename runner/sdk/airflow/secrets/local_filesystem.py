"""Variables and connections from files that lie beside the DAGs: JSON, YAML or .env."""

from __future__ import annotations

from typing import Any

from airflow._task import local_comms
from airflow.secrets.base_secrets import BaseSecretsBackend


class LocalFilesystemBackend(BaseSecretsBackend):
    """Reads its files when it is made. Raises what a file that cannot be read raises."""

    def __init__(
        self,
        variables_file_path: str | None = None,
        connections_file_path: str | None = None,
        configs_file_path: str | None = None,
    ) -> None:
        self.variables_file, self.connections_file = variables_file_path, connections_file_path
        self.configs_file = configs_file_path
        self._variables = load_variables(variables_file_path)
        self._connections = load_connections_dict(connections_file_path)
        self._configs = load_variables(configs_file_path)

    def get_connection(self, conn_id: str, team_name: str | None = None) -> Any:
        return self._connections.get(conn_id)

    def get_variable(self, key: str, team_name: str | None = None) -> str | None:
        return self._variables.get(key)

    def get_config(self, key: str) -> str | None:
        return self._configs.get(key)


def load_variables(file_path: str | None) -> dict[str, str]:
    """The variables of a file; values that are no text become JSON."""
    return local_comms.read_variables(file_path)


def load_connections_dict(file_path: str | None) -> dict[str, Any]:
    """The connections of a file by id."""
    from airflow.models.connection import Connection

    read = local_comms.read_connections(file_path)
    return {conn_id: Connection(conn_id, **fields) for conn_id, fields in read.items()}
