"""What a process of user code is told of where it runs: the variables that MWAA sets, and that nobody else may."""

from __future__ import annotations

import re

WORKER, SCHEDULER = "worker", "scheduler"
COMPONENTS = (SCHEDULER, WORKER)
"""Where user code runs: parsing and triggers are the scheduler's, tasks the worker's."""

_PROTECTED = re.compile(
    r"MWAA__.*|MWAA_AIRFLOW_COMPONENT|AERODROME_.*|AIRFLOW_HOME|AIRFLOW_VERSION|AIRFLOW_ENV_(ID|NAME)"
    r"|AIRFLOW_TASK_REVISION_ID|AIRFLOW__(WEBSERVER|API)__BASE_URL|AIRFLOW__AWS_MWAA__REDIRECT_URL|JWT_PUBLIC_KEY"
    r"|AWS_(DEFAULT_)?REGION|CUSTOMER_ACCOUNT_ID|ECS_.*|AWS_CONTAINER_CREDENTIALS_RELATIVE_URI|AWS_EXECUTION_ENV"
    r"|PYTHONPATH|PYTHONUNBUFFERED|WATCHTOWER_VERSION|USE_NON_CRITICAL_LOGGING"
    r"|AIRFLOW__CORE__(DATABASE_ACCESS_ISOLATION|PLUGINS_FOLDER|DAGS_FOLDER)"
)


def is_protected(variable: str) -> bool:
    """Whether a startup script cannot set it: it is the service's own."""
    return _PROTECTED.fullmatch(variable) is not None


def describe_environment(
    environment: str, airflow_version: str, region: str, account: str, component: str
) -> dict[str, str]:
    """The variables that say which environment and which part of it this is."""
    return {
        "MWAA_AIRFLOW_COMPONENT": component,
        "AIRFLOW_ENV_NAME": environment,
        "AIRFLOW_VERSION": airflow_version,
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        "AWS_EXECUTION_ENV": f"Amazon_MWAA_{airflow_version.replace('.', '')}",
        "CUSTOMER_ACCOUNT_ID": account,
    }
