"""Which of AirflowConfigurationOptions count: those that are the service's own are ignored, as on MWAA. Pure.

The owner's options come after the startup script's exports and before nothing else: `airflow.configuration.conf` and
AIRFLOW__SECTION__KEY have what is left here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_OURS = re.compile(
    r"celery\.(broker_url|result_backend|celery_config_options)|operators\.default_queue"
    r"|core\.(fernet_key|load_examples|auth_manager|execution_api_server_url|multi_team|sql_alchemy_conn"
    r"|database_access_isolation|plugins_folder|dags_folder)|database\.sql_alchemy_conn"
    r"|logging\.(logging_config_class|colored_console_log)|scheduler\.standalone_dag_processor"
    r"|metrics\.(statsd_\w+|otel_\w+)|api_auth\.jwt_\w+|execution_api\.jwt_expiration_time|triggerer\.queues_enabled"
    r"|(webserver|api)\.base_url|aws_mwaa\.redirect_url"
)
"""What an engine of our own has no use for, or what would lead tasks to places that are not there."""


def is_ours(option: str) -> bool:
    """Whether an option is accepted and has no effect."""
    return _OURS.fullmatch(option) is not None


def choose_options(given: Mapping[str, str]) -> dict[str, str]:
    """The options that count."""
    return {option: value for option, value in given.items() if not is_ours(option)}


def list_ignored(given: Mapping[str, str]) -> list[str]:
    """The others, sorted: for people."""
    return sorted(option for option in given if is_ours(option))
