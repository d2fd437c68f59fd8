"""The environment itself: version, health, import errors, processes, and what Airflow lists that we do not have."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from runner.api.airflow.dag_shapes import BUNDLE_NAME, DAGS_FOLDER
from runner.api.answers import moment, reply
from runner.api.call import Call
from runner.api.errors import ApiError, not_found
from runner.api.health import is_alive
from runner.store import dag_files
from runner.store.listing_page import is_between, order_rows
from runner.store.listing_processes import list_processes

if TYPE_CHECKING:
    from sync.mirror import SyncReport

_JOB_TYPES = {"engine": "SchedulerJob", "agent": "LocalTaskJob", "triggerer": "TriggererJob"}


def get_version(call: Call) -> Response:
    """GET /version: the Airflow version that the environment follows."""
    return reply({"version": call.cell.spec.airflow_version, "git_version": None})


def get_health(call: Call) -> Response:
    """GET /monitor/health"""
    now = call.cell.clock()
    with call.cell.db.read() as conn:
        beats: dict[str, float] = {}
        for row in list_processes(conn):
            beats[row.role] = max(row.heartbeat, beats.get(row.role, 0.0))
    scheduler = _state(beats.get("engine"), now) or "unhealthy"
    engine, triggerer = moment(beats.get("engine")), beats.get("triggerer")
    return reply(
        {
            "metadatabase": {"status": "healthy"},
            "scheduler": {"status": scheduler, "latest_scheduler_heartbeat": engine},
            "triggerer": {"status": _state(triggerer, now), "latest_triggerer_heartbeat": moment(triggerer)},
            "dag_processor": {
                "status": scheduler,
                "latest_dag_processor_heartbeat": engine,
                **_sync_trouble(call.cell.sync_status()),
            },
        }
    )


def _sync_trouble(report: SyncReport | None) -> dict[str, Any]:
    """Why no new DAG files arrive: nothing while they do."""
    if report is None or report.ok:
        return {}
    error = {"code": report.code, "message": report.message, "at": moment(report.at)}
    return {"status": "unhealthy", "sync_error": error}


def list_import_errors(call: Call) -> Response:
    """GET /importErrors"""
    query = call.query()
    filename = query.text("filename")
    patterns = (query.text("filename_pattern"), query.text("filename_prefix_pattern"))
    window = query.window()
    query.check()
    if query.text("bundle_name") not in (None, BUNDLE_NAME):
        return reply({"import_errors": [], "total_entries": 0})
    with call.cell.db.read() as conn:
        page = dag_files.list_import_errors(conn, window, _relative(filename), *patterns)
    return reply({"import_errors": [_error_body(row) for row in page.rows], "total_entries": page.total})


def get_import_error(call: Call) -> Response:
    """GET /importErrors/{import_error_id}"""
    number = call.number("import_error_id")
    with call.cell.db.read() as conn:
        row = dag_files.find_import_error(conn, number)
    if row is None:
        raise not_found("import error", number)
    return reply(_error_body(row))


def list_jobs(call: Call) -> Response:
    """GET /jobs: the cell's processes, as Airflow's jobs."""
    query = call.query()
    is_alive, host = query.flag("is_alive"), query.text("hostname")
    state, kind = query.text("job_state"), query.text("job_type")
    begun, ended = query.bounds("start_date"), query.bounds("end_date")
    window = query.window()
    query.check()
    now = call.cell.clock()
    nothing = "executor_class" in query or any(limit is not None for limit in ended.values())
    with call.cell.db.read() as conn:
        rows = [] if nothing else list_processes(conn)
    bodies = [job_body(row, now) for row in rows if is_between(row.started_at, begun)]
    tests: list[Callable[[dict[str, Any]], bool]] = [
        lambda body: is_alive is None or (body["state"] == "running") is is_alive,
        lambda body: host is None or body["hostname"] == host,
        lambda body: state is None or body["state"] == state,
        lambda body: kind is None or body["job_type"] == kind,
    ]
    found = [body for body in bodies if all(test(body) for test in tests)]
    ordered = order_rows(
        found, window, ("id", "dag_id", "state", "job_type", "start_date", "latest_heartbeat", "hostname")
    )
    return reply({"jobs": ordered, "total_entries": len(found)})


def list_plugins(call: Call) -> Response:
    """GET /plugins: the engine loads none; plugins are the business of the processes that run user code."""
    return _nothing(call, "plugins")


def list_plugin_errors(call: Call) -> Response:
    """GET /plugins/importErrors: those of the processes that run user code are in their logs."""
    return reply({"import_errors": [], "total_entries": 0})


def list_providers(call: Call) -> Response:
    """GET /providers: this engine has no provider packages of its own."""
    return _nothing(call, "providers")


def refuse_config(call: Call) -> Response:
    """GET /config: refused, as it is where expose_config is off."""
    raise ApiError("forbidden", "Your Airflow administrator chose not to expose the configuration")


def _nothing(call: Call, name: str) -> Response:
    query = call.query()
    query.window()
    query.check()
    return reply({name: [], "total_entries": 0})


def _state(beat: float | None, now: float) -> str | None:
    if beat is None:
        return None
    return "healthy" if is_alive(beat, now) else "unhealthy"


def _relative(filename: str | None) -> str | None:
    return None if filename is None else filename.removeprefix(f"{DAGS_FOLDER}/")


def _error_body(row: Any) -> dict[str, Any]:
    return {
        "import_error_id": row.error_id,
        "timestamp": moment(row.parsed_at),
        "filename": row.path,
        "bundle_name": BUNDLE_NAME,
        "stack_trace": row.error,
    }


def job_body(row: Any, now: float) -> dict[str, Any]:
    """A process as JobResponse."""
    return {
        "id": zlib.crc32(row.id.encode()),
        "dag_id": None,
        "state": "running" if is_alive(row.heartbeat, now) else "failed",
        "job_type": _JOB_TYPES.get(row.role, row.role),
        "start_date": moment(row.started_at),
        "end_date": None,
        "latest_heartbeat": moment(row.heartbeat),
        "executor_class": None,
        "hostname": row.host,
        "unixname": None,
        "dag_display_name": None,
    }
