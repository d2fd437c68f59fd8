"""`airflow dags ...`"""

from __future__ import annotations

import json
import re
from typing import Any

from runner.api.answers import moment
from runner.api.cli.parsing import Command, option
from runner.api.cli.shell import Exit, Shell, iso, plain
from runner.api.errors import ApiError

_DAG, _RUNS = "/dags/{dag_id}", "/dags/{dag_id}/dagRuns"
OUTPUT = option(
    "-o",
    "--output",
    choices=("table", "json", "yaml", "plain"),
    default="table",
    metavar="(table, json, yaml, plain)",
    help="output format (default: table)",
)
VERBOSE = option("-v", "--verbose", action="store_true", help="taken, and changes nothing")
_SUBDIR = option("-S", "--subdir", only=2, help="taken, and changes nothing: every DAG file is known")
_BUNDLE = option("-B", "--bundle-name", only=3, action="append", help="only of this DAG bundle")
_LOCAL = option("-l", "--local", only=3, action="store_true", help="taken, and changes nothing")
_DAG_ID = option("dag_id", help="id of the DAG")
_REGEX = option("--treat-dag-id-as-regex", action="store_true", help="take the id as a regular expression")
_YES = option("-y", "--yes", action="store_true", help="do not ask")
_TIME = (
    option("-s", "--start-date", help="from this logical date on"),
    option("-e", "--end-date", help="up to it"),
)


def _list(shell: Shell) -> None:
    found = shell.ask_all("/dags", "dags", order_by="dag_id")
    errors = shell.ask("GET", "/importErrors", query={"limit": 1})["total_entries"]
    if errors:
        shell.warn("Error: Failed to load all files. For details, run `airflow dags list-import-errors`")
    if shell.args.bundle_name if "bundle_name" in shell.args else None:
        found = [dag for dag in found if dag["bundle_name"] in shell.args.bundle_name]
    if shell.version < (2, 9):
        shell.show([_old_row(dag) for dag in found])
        return
    columns = _columns(shell, found)
    shell.show([{column: dag[column] for column in columns} for dag in found])


def _old_row(dag: dict[str, Any]) -> dict[str, Any]:
    return {
        "dag_id": dag["dag_id"],
        "filepath": dag["relative_fileloc"],
        "owner": ", ".join(dag["owners"]),
        "paused": dag["is_paused"],
    }


def _columns(shell: Shell, found: list[dict[str, Any]]) -> list[str]:
    default = ["dag_id", "fileloc", "owners", "is_paused"]
    if shell.version >= (3, 0):
        default += ["bundle_name", "bundle_version"]
    asked = shell.args.columns.split(",") if shell.args.columns else default
    known = set(found[0]) if found else set(asked)
    unknown = [column for column in asked if column not in known]
    if unknown:
        shell.warn(
            f"Error: Ignoring the following invalid columns: {unknown}. List of valid columns: {sorted(known)}"
        )
    return [column for column in asked if column in known]


def _show_dag(shell: Shell) -> None:
    """The tasks and what follows them, in Graphviz's language, as Airflow prints it."""
    dag_id = shell.args.dag_id
    _check_exists(shell, dag_id)
    tasks = shell.ask("GET", f"{_DAG}/tasks", {"dag_id": dag_id})["tasks"]
    lines = [
        f"digraph {json.dumps(dag_id)} {{",
        f"\tgraph [label={json.dumps(dag_id)} labelloc=t rankdir=LR]",
    ]
    lines += [f"\t{json.dumps(task['task_id'])}" for task in tasks]
    lines += [
        f"\t{json.dumps(task['task_id'])} -> {json.dumps(after)}"
        for task in tasks
        for after in sorted(task["downstream_task_ids"])
    ]
    shell.say("\n".join([*lines, "}"]))


def _trigger(shell: Shell) -> None:
    at = _moment(shell.args.logical_date)
    if at is None and shell.version < (3, 0):
        at = moment(shell.call.cell.clock())  # a run of Airflow 2 is never without
    body = {"dag_run_id": shell.args.run_id, "logical_date": at, "conf": _read_conf(shell.args.conf)}
    _check_exists(shell, shell.args.dag_id)
    run = shell.ask("POST", _RUNS, {"dag_id": shell.args.dag_id}, body=body)
    if shell.version < (2, 6):
        words = f"{run['dag_id']} @ {iso(run['logical_date'])}: {run['dag_run_id']}, {run['state']}"
        shell.say(f"Created <DagRun {words}, externally triggered: True>")
        return
    shell.show([_trigger_row(run, shell.version < (3, 0))])


def _trigger_row(run: dict[str, Any], is_old: bool) -> dict[str, Any]:
    row = {
        "conf": run["conf"],
        "dag_id": run["dag_id"],
        "dag_run_id": run["dag_run_id"],
        "data_interval_start": plain(run["data_interval_start"]),
        "data_interval_end": plain(run["data_interval_end"]),
        "end_date": plain(run["end_date"]),
    }
    if is_old:
        row["external_trigger"] = True
    return row | {
        "last_scheduling_decision": plain(run["last_scheduling_decision"]),
        "logical_date": plain(run["logical_date"]),
        "run_type": run["run_type"],
        "start_date": plain(run["start_date"]),
        "state": run["state"],
    }


def _pause(shell: Shell) -> None:
    _set_paused(shell, True)


def _unpause(shell: Shell) -> None:
    _set_paused(shell, False)


def _set_paused(shell: Shell, paused: bool) -> None:
    if shell.version < (2, 9):
        _check_exists(shell, shell.args.dag_id)
        shell.ask("PATCH", _DAG, {"dag_id": shell.args.dag_id}, body={"is_paused": paused})
        shell.say(f"Dag: {shell.args.dag_id}, paused: {paused}")
        return
    found = _matching(shell, not paused)
    if not found:
        shell.say(f"No {'un' if paused else ''}paused DAGs were found")
        return
    if shell.args.treat_dag_id_as_regex and not shell.args.yes:
        raise Exit(
            1, f"Nothing was changed: {len(found)} DAGs match ({', '.join(found)}); add --yes to go on"
        )
    for dag_id in found:
        shell.ask("PATCH", _DAG, {"dag_id": dag_id}, body={"is_paused": paused})
    shell.show([{"dag_id": dag_id, "is_paused": paused} for dag_id in found])


def _matching(shell: Shell, paused: bool) -> list[str]:
    """The DAGs that an id or pattern names and that are paused, or are not."""
    wanted = shell.args.dag_id
    if not shell.args.treat_dag_id_as_regex:
        try:
            dag = shell.ask("GET", _DAG, {"dag_id": wanted})
        except ApiError:
            return []
        return [wanted] if dag["is_paused"] is paused else []
    try:
        pattern = re.compile(wanted)
    except re.error as error:
        raise Exit(1, f"cannot read {wanted!r} as a regular expression: {error}") from None
    ids = [dag["dag_id"] for dag in shell.ask_all("/dags", "dags", paused=paused, order_by="dag_id")]
    return [dag_id for dag_id in ids if pattern.match(dag_id)]


def _list_runs(shell: Shell) -> None:
    dag_id = shell.args.dag_id_option or getattr(shell.args, "dag_id", None)
    if dag_id is None:
        raise Exit(2, "airflow dags list-runs command error: the following arguments are required: dag_id")
    _check_exists(shell, dag_id)
    query: dict[str, Any] = {"order_by": "-run_after"}
    if shell.args.state:
        query["state"] = shell.args.state
    for name, bound in (
        (shell.args.start_date, "logical_date_gte"),
        (shell.args.end_date, "logical_date_lte"),
    ):
        if name:
            query[bound] = _moment(name)
    runs = shell.ask_all(_RUNS, "dag_runs", {"dag_id": dag_id}, **query)
    is_new = shell.version >= (3, 0)
    shell.show(
        [
            _run_row(run, is_new)
            for run in runs
            if not (shell.args.no_backfill and run["run_type"] == "backfill")
        ]
    )


def _run_row(run: dict[str, Any], is_new: bool) -> dict[str, Any]:
    at, after = iso(run["logical_date"]), iso(run["run_after"])
    return {
        "dag_id": run["dag_id"],
        "run_id": run["dag_run_id"],
        "state": run["state"],
        **({"run_after": after, "logical_date": at} if is_new else {"execution_date": at or after}),
        "start_date": iso(run["start_date"]),
        "end_date": iso(run["end_date"]),
    }


def _list_import_errors(shell: Shell) -> None:
    found = shell.ask_all("/importErrors", "import_errors", order_by="filename")
    rows = [{"filepath": error["filename"], "error": error["stack_trace"]} for error in found]
    if shell.version >= (3, 0):
        rows = [{"bundle_name": error["bundle_name"], **row} for error, row in zip(found, rows, strict=True)]
    shell.show(rows)
    if rows and shell.version >= (2, 8):
        raise Exit(1)


def _check_exists(shell: Shell, dag_id: str) -> None:
    try:
        shell.ask("GET", _DAG, {"dag_id": dag_id})
    except ApiError as error:
        if error.code != "not_found":
            raise
        raise Exit(1, f"DAG: {dag_id} does not exist in 'dag' table") from None


def _read_conf(text: str | None) -> dict[str, Any]:
    if not text:
        return {}
    try:
        conf = json.loads(text)
    except ValueError as error:
        raise Exit(1, f"cannot read --conf: it is not JSON: {error}") from None
    if not isinstance(conf, dict):
        raise Exit(1, "cannot read --conf: it must be a JSON object")
    return conf


def _moment(text: str | None) -> str | None:
    """A date without an offset is in UTC."""
    if text is None:
        return None
    return (
        text
        if re.search(r"(Z|[+-]\d\d:?\d\d)$", text)
        else f"{text if 'T' in text or ' ' in text else text + 'T00:00:00'}Z"
    )


COMMANDS = (
    Command(
        ("dags", "list"),
        "List the DAGs",
        _list,
        ("GET", "/dags"),
        (
            OUTPUT,
            VERBOSE,
            _SUBDIR,
            _BUNDLE,
            _LOCAL,
            option("--columns", help="comma-separated columns to show"),
        ),
    ),
    Command(
        ("dags", "show"),
        "Show a DAG's tasks and their order, in Graphviz's language",
        _show_dag,
        ("GET", f"{_DAG}/tasks"),
        (_DAG_ID, VERBOSE, _SUBDIR),
    ),
    Command(
        ("dags", "trigger"),
        "Start a run of a DAG",
        _trigger,
        ("POST", _RUNS),
        (
            _DAG_ID,
            option("-c", "--conf", help="JSON object that the run is configured with"),
            option("-r", "--run-id", help="id of the new run"),
            option("-e", "--exec-date", dest="logical_date", only=2, help="logical date of the new run"),
            option("-l", "--logical-date", only=3, help="logical date of the new run"),
            option("--no-replace-microseconds", action="store_true", help="taken, and changes nothing"),
            OUTPUT,
            VERBOSE,
            _SUBDIR,
        ),
    ),
    Command(
        ("dags", "pause"),
        "Pause DAGs",
        _pause,
        ("PATCH", _DAG),
        (_DAG_ID, _REGEX, _YES, OUTPUT, VERBOSE, _SUBDIR),
    ),
    Command(
        ("dags", "unpause"),
        "Let paused DAGs run again",
        _unpause,
        ("PATCH", _DAG),
        (_DAG_ID, _REGEX, _YES, OUTPUT, VERBOSE, _SUBDIR),
    ),
    Command(
        ("dags", "list-runs"),
        "List the runs of a DAG",
        _list_runs,
        ("GET", _RUNS),
        (
            option("dag_id", nargs="?", only=3, help="id of the DAG"),
            option("-d", "--dag-id", dest="dag_id_option", help="id of the DAG"),
            option("--no-backfill", action="store_true", help="without runs of backfills"),
            option(
                "--state", choices=("queued", "running", "success", "failed"), help="only runs in this state"
            ),
            *_TIME,
            OUTPUT,
            VERBOSE,
        ),
    ),
    Command(
        ("dags", "list-import-errors"),
        "List the files that could not be imported",
        _list_import_errors,
        ("GET", "/importErrors"),
        (OUTPUT, VERBOSE, _SUBDIR, _BUNDLE, _LOCAL),
    ),
)
