"""`airflow tasks ...` and `airflow version`"""

from __future__ import annotations

from typing import Any

from runner.api.cli.dags import VERBOSE
from runner.api.cli.parsing import Command, option
from runner.api.cli.shell import Exit, Shell
from runner.api.errors import ApiError

_TASKS = "/dags/{dag_id}/tasks"


def _list(shell: Shell) -> None:
    try:
        tasks = shell.ask("GET", _TASKS, {"dag_id": shell.args.dag_id})["tasks"]
    except ApiError as error:
        if error.code != "not_found":
            raise
        raise Exit(
            1,
            f"Dag '{shell.args.dag_id}' could not be found; either it does not exist or it failed to parse.",
        ) from None
    if getattr(shell.args, "tree", False):
        _print_tree(shell, tasks)
        return
    shell.say("\n".join(sorted(task["task_id"] for task in tasks)))


def _print_tree(shell: Shell, tasks: list[dict[str, Any]]) -> None:
    """Every task below those it follows; what follows a task is shown where it is first met."""
    by_id = {task["task_id"]: task for task in tasks}
    followers = {after for task in tasks for after in task["downstream_task_ids"]}
    met: set[str] = set()
    waiting = [(name, 0) for name in sorted(set(by_id) - followers, reverse=True)]
    while waiting:
        name, depth = waiting.pop()
        shell.say(f"{'    ' * depth}<Task({by_id[name]['operator_name']}): {name}>")
        if name in met:
            continue
        met.add(name)
        waiting += [(after, depth + 1) for after in sorted(by_id[name]["downstream_task_ids"], reverse=True)]


def _version(shell: Shell) -> None:
    shell.say(shell.ask("GET", "/version")["version"])


COMMANDS = (
    Command(
        ("tasks", "list"),
        "List the tasks of a DAG",
        _list,
        ("GET", _TASKS),
        (
            option("dag_id", help="id of the DAG"),
            option("-t", "--tree", only=2, action="store_true", help="as a tree"),
            option("-S", "--subdir", only=2, help="taken, and changes nothing: every DAG file is known"),
            option("-B", "--bundle-name", only=3, action="append", help="taken, and changes nothing"),
            VERBOSE,
        ),
    ),
    Command(
        ("version",),
        "Show the version of Airflow that the environment follows",
        _version,
        ("GET", "/version"),
    ),
)
