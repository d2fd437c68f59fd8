"""Where variables and connections may come from besides the environment's own store."""

from __future__ import annotations

from airflow.secrets.base_secrets import BaseSecretsBackend

__all__ = ["DEFAULT_SECRETS_SEARCH_PATH", "DEFAULT_SECRETS_SEARCH_PATH_WORKERS", "BaseSecretsBackend"]

DEFAULT_SECRETS_SEARCH_PATH = ["airflow.secrets.environment_variables.EnvironmentVariablesBackend"]
DEFAULT_SECRETS_SEARCH_PATH_WORKERS = DEFAULT_SECRETS_SEARCH_PATH
