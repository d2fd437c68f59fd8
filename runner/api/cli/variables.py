"""`airflow variables ...`"""

from __future__ import annotations

import json
from typing import Any

from runner.api.airflow.masking import mask_text
from runner.api.cli.dags import OUTPUT, VERBOSE
from runner.api.cli.files import check_writable, read_json
from runner.api.cli.parsing import Command, option
from runner.api.cli.shell import Exit, Shell
from runner.api.errors import ApiError
from runner.store import variables as store

_ALL, _ONE = "/variables", "/variables/{variable_key:path}"
_KEY = option("key", metavar="VAR", help="key of the variable")


def _list(shell: Shell) -> None:
    shell.show([{"key": item["key"]} for item in shell.ask_all(_ALL, "variables", order_by="key")])


def _get(shell: Shell) -> None:
    key = shell.args.key
    value = _find_value(shell, key)
    if value is None and shell.args.default is None:
        raise Exit(1, f"Variable {key} does not exist")
    if value is None or not shell.args.json:
        shell.say(shell.args.default if value is None else value)
        return
    try:
        shell.say(json.loads(value))
    except ValueError as error:
        raise Exit(1, str(error)) from None


def _find_value(shell: Shell, key: str) -> str | None:
    """As it is for those who may see secrets, masked for the rest."""
    with shell.call.cell.db.read() as conn:
        found = store.find_variable(conn, shell.call.cell.box, key)
    if found is None:
        return None
    return found.value if shell.sees_secrets else mask_text(found.value, key)


def _set(shell: Shell) -> None:
    value = json.dumps(shell.args.value, indent=2) if shell.args.json else shell.args.value
    _put(shell, shell.args.key, value, shell.args.description)
    shell.say(f"Variable {shell.args.key} created")


def _put(shell: Shell, key: str, value: str, description: str | None) -> None:
    body = {"key": key, "value": value, "description": description}
    try:
        shell.ask("POST", _ALL, body=body)
    except ApiError as error:
        if error.code != "conflict":
            raise
        shell.ask("PATCH", _ONE, {"variable_key": key}, body=body)


def _delete(shell: Shell) -> None:
    """Deleting what is not there is no failure, as in Airflow."""
    try:
        shell.ask("DELETE", _ONE, {"variable_key": shell.args.key})
    except ApiError as error:
        if error.code != "not_found":
            raise
    shell.say(f"Variable {shell.args.key} deleted")


def _import(shell: Shell) -> None:
    given = read_json(shell, shell.args.file, "variables")
    action = getattr(shell.args, "action_on_existing_key", "overwrite")
    there = {item["key"] for item in shell.ask_all(_ALL, "variables")} & set(given)
    if action == "fail" and there:
        raise Exit(1, f"Failed. These keys: {sorted(there)} already exists.")
    skipped = sorted(there) if action == "skip" else []
    done = failed = 0
    for key, value in given.items():
        if key in skipped:
            continue
        try:
            _put(shell, key, *_read_entry(shell, value))
            done += 1
        except ApiError as error:
            shell.say(f"Variable import failed: {error.detail}")
            failed += 1
    shell.say(f"{done} of {len(given)} variables successfully updated.")
    if failed:
        shell.say(f"{failed} variable(s) failed to be updated.")
    if skipped:
        shell.say(f"The variables with these keys: {skipped} were skipped because they already exists")


def _read_entry(shell: Shell, value: Any) -> tuple[str, str | None]:
    """A value and its description, which files of Airflow 3 may hold."""
    description = None
    if shell.version >= (3, 0) and isinstance(value, dict) and value.get("value"):
        value, description = value["value"], value.get("description")
    return (value if isinstance(value, str) else json.dumps(value, indent=2)), description


def _export(shell: Shell) -> None:
    check_writable(shell.args.file)
    found = shell.ask_all(_ALL, "variables", order_by="key")
    entries = {item["key"]: _make_entry(shell, item) for item in found}
    shell.say(json.dumps(entries, sort_keys=True, indent=4))
    shell.warn(f"{len(entries)} Variables successfully exported to {shell.args.file}.")


def _make_entry(shell: Shell, item: dict[str, Any]) -> Any:
    text = _find_value(shell, item["key"]) or ""
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    if shell.version >= (3, 0) and item["description"]:
        return {"value": value, "description": item["description"]}
    return value


COMMANDS = (
    Command(("variables", "list"), "List the keys of the variables", _list, ("GET", _ALL), (OUTPUT, VERBOSE)),
    Command(
        ("variables", "get"),
        "Show the value of a variable",
        _get,
        ("GET", _ONE),
        (
            _KEY,
            option("-j", "--json", action="store_true", help="read the value as JSON"),
            option("-d", "--default", metavar="VAL", help="what to show when there is no such variable"),
            VERBOSE,
        ),
    ),
    Command(
        ("variables", "set"),
        "Set a variable",
        _set,
        ("POST", _ALL),
        (
            _KEY,
            option("value", metavar="VALUE", help="its value"),
            option("--description", help="what it is for"),
            option("-j", "--json", action="store_true", help="keep the value as a JSON string"),
            VERBOSE,
        ),
    ),
    Command(("variables", "delete"), "Delete a variable", _delete, ("DELETE", _ONE), (_KEY, VERBOSE)),
    Command(
        ("variables", "import"),
        "Set variables from a JSON file of the DAG folder",
        _import,
        ("POST", _ALL),
        (
            option("file", help="its path below the DAG folder"),
            option(
                "-a",
                "--action-on-existing-key",
                choices=("overwrite", "fail", "skip"),
                default="overwrite",
                help="what to do with a key that is there (default: overwrite)",
            ),
            VERBOSE,
        ),
    ),
    Command(
        ("variables", "export"),
        "Write all variables to stdout",
        _export,
        ("GET", _ALL),
        (option("file", help="- for stdout"), VERBOSE),
    ),
)
