"""Every command in one table, and those that are refused, with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runner.api.cli import connections, dags, pools, tasks, variables
from runner.api.cli.parsing import Command

GROUPS = {
    "connections": "Connections to other systems",
    "dags": "DAGs and their runs",
    "pools": "Pools of task slots",
    "tasks": "Tasks of DAGs",
    "variables": "Variables",
}
COMMANDS: tuple[Command, ...] = (
    *dags.COMMANDS,
    *tasks.COMMANDS,
    *variables.COMMANDS,
    *connections.COMMANDS,
    *pools.COMMANDS,
)

_RUNS_ITSELF = "it starts or manages a process of Airflow, and the service runs those itself"
_USERS = "users and their roles are the service's: policies of IAM decide who is what"
_DATABASE = "the metadata database is the service's own"
_LATER = "this version of the service does not have it; the REST API (invoke_rest_api) can do the same"
_FILES = "it reads or writes files of the machine it runs on, and there are none of yours"
_WORDS: Mapping[str, str] = {
    _RUNS_ITSELF: "api-server celery dag-processor flower internal-api kerberos kubernetes rotate-fernet-key scheduler "
    "standalone triggerer webserver worker connections.test connections.create-default-connections",
    _USERS: "users roles sync-perm permissions teams",
    _DATABASE: "db db-manager fab-db resetdb initdb upgradedb",
    _FILES: "connections.import connections.export pools.import pools.export info config plugins",
    _LATER: "assets backfill cheat-sheet dags.backfill dags.delete dags.details dags.list-jobs dags.next-execution "
    "dags.report dags.reserialize dags.show-dependencies dags.state dags.test jobs providers tasks.clear "
    "tasks.failed-deps tasks.render tasks.run tasks.state tasks.states-for-dag-run tasks.test",
}
REFUSED = {name.replace(".", " "): reason for reason, names in _WORDS.items() for name in names.split()}
"""Commands of Airflow that are not run here: one word (a group or command) or two -> why."""


def find_refusal(words: Sequence[str]) -> str | None:
    """Why a line is not run; None when nothing is against it."""
    for count in (2, 1):
        reason = REFUSED.get(" ".join(words[:count]))
        if reason is not None:
            return f"cannot run `airflow {' '.join(words[:count])}`: {reason}"
    return None
