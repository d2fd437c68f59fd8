"""Connections and variables from AIRFLOW_CONN_<ID> and AIRFLOW_VAR_<KEY>."""

from __future__ import annotations

import os

from airflow.secrets.base_secrets import BaseSecretsBackend

CONN_ENV_PREFIX = "AIRFLOW_CONN_"
VAR_ENV_PREFIX = "AIRFLOW_VAR_"


class EnvironmentVariablesBackend(BaseSecretsBackend):
    """Reads the variables of this process."""

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:
        return os.environ.get(CONN_ENV_PREFIX + conn_id.upper())

    def get_variable(self, key: str, team_name: str | None = None) -> str | None:
        return os.environ.get(VAR_ENV_PREFIX + key.upper())
