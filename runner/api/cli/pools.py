"""`airflow pools ...`"""

from __future__ import annotations

from typing import Any

from runner.api.cli.dags import OUTPUT, VERBOSE
from runner.api.cli.parsing import Command, option
from runner.api.cli.shell import Exit, Shell
from runner.api.errors import ApiError
from runner.domain.spec import DEFAULT_POOL

_ALL, _ONE = "/pools", "/pools/{pool_name}"
_NAME = option("pool", metavar="NAME", help="name of the pool")


def _list(shell: Shell) -> None:
    shell.show([_row(shell, pool) for pool in shell.ask_all(_ALL, "pools", order_by="id")])


def _get(shell: Shell) -> None:
    shell.show([_row(shell, _ask_about(shell, "GET"))])


def _set(shell: Shell) -> None:
    name = shell.args.pool
    body = {
        "name": name,
        "slots": shell.args.slots,
        "description": shell.args.description,
        "include_deferred": shell.args.include_deferred,
    }
    try:
        shell.ask("POST", _ALL, body=body)
    except ApiError as error:
        if error.code != "conflict":
            raise
        mask = {"update_mask": "slots,include_deferred"} if name == DEFAULT_POOL else {}
        kept = {key: value for key, value in body.items() if key != "description" or name != DEFAULT_POOL}
        shell.ask("PATCH", _ONE, {"pool_name": name}, mask, kept)
    shell.say(f"Pool {name} created")


def _delete(shell: Shell) -> None:
    _ask_about(shell, "DELETE")
    shell.say(f"Pool {shell.args.pool} deleted")


def _ask_about(shell: Shell, method: str) -> Any:
    try:
        return shell.ask(method, _ONE, {"pool_name": shell.args.pool})
    except ApiError as error:
        if error.code != "not_found":
            raise
        raise Exit(1, f"Pool {shell.args.pool} does not exist") from None


def _row(shell: Shell, pool: dict[str, Any]) -> dict[str, Any]:
    row = {"pool": pool["name"], "slots": pool["slots"], "description": pool["description"]}
    return row if shell.version < (2, 7) else {**row, "include_deferred": pool["include_deferred"]}


COMMANDS = (
    Command(("pools", "list"), "List the pools", _list, ("GET", _ALL), (OUTPUT, VERBOSE)),
    Command(("pools", "get"), "Show a pool", _get, ("GET", _ONE), (_NAME, OUTPUT, VERBOSE)),
    Command(
        ("pools", "set"),
        "Make or change a pool",
        _set,
        ("POST", _ALL),
        (
            _NAME,
            option("slots", type=int, help="how many tasks may run in it at once"),
            option("description", help="what it is for"),
            option("--include-deferred", action="store_true", help="let deferred tasks count"),
            OUTPUT,
            VERBOSE,
        ),
    ),
    Command(("pools", "delete"), "Delete a pool", _delete, ("DELETE", _ONE), (_NAME, OUTPUT, VERBOSE)),
)
