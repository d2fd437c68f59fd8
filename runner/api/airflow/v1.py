"""REST v1, as environments of Airflow 2.x serve it: the handlers of v2 with requests and answers translated.

Covers what MWAA's clients use: DAGs, runs, task instances, logs, XComs, variables, connections, pools, import errors.
A run that is started without a date gets the current moment as its execution date, as in 2.x.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response

from runner.api.airflow import v1_datasets
from runner.api.airflow.routes import ROUTES
from runner.api.answers import moment, reply
from runner.api.auth import Role
from runner.api.call import Call, Handler, read_json
from runner.api.cursors import NO_CURSOR
from runner.api.errors import ApiError
from runner.store.listing_page import UnknownOrder

_RENAMED = {"/monitor/health": "/health"}
_TRIGGER = ("POST", "/dags/{dag_id}/dagRuns")
_RUN = "/dags/{dag_id}/dagRuns/{dag_run_id}"
_TASK = f"{_RUN}/taskInstances/{{task_id}}"
SERVED = frozenset(
    (
        *(
            "/monitor/health",
            "/version",
            "/plugins",
            "/providers",
            "/config",
            "/config/section/{section}/option/{option}",
        ),
        *(
            "/connections",
            "/connections/test",
            "/connections/{connection_id}",
            "/pools",
            "/pools/{pool_name}",
        ),
        *("/variables", "/variables/{variable_key:path}", "/eventLogs", "/eventLogs/{event_log_id}"),
        *("/importErrors", "/importErrors/{import_error_id}", "/dagSources/{dag_id}", "/dagWarnings"),
        *(
            "/dags",
            "/dags/{dag_id}",
            "/dags/{dag_id}/details",
            "/dags/{dag_id}/tasks",
            "/dags/{dag_id}/tasks/{task_id}",
        ),
        *(
            "/dags/{dag_id}/clearTaskInstances",
            "/dags/{dag_id}/dagRuns",
            "/dags/{dag_id}/dagRuns/list",
            _RUN,
            f"{_RUN}/clear",
        ),
        *(
            f"{_RUN}/taskInstances",
            f"{_RUN}/taskInstances/list",
            _TASK,
            f"{_TASK}/listMapped",
            f"{_TASK}/{{map_index}}",
        ),
        *(f"{_TASK}/logs/{{try_number}}", f"{_TASK}/tries", f"{_TASK}/tries/{{task_try_number}}"),
        *(f"{_TASK}/{{map_index}}/tries", f"{_TASK}/{{map_index}}/tries/{{task_try_number}}"),
        *(f"{_TASK}/xcomEntries", f"{_TASK}/xcomEntries/{{xcom_key:path}}"),
    )
)
"""Paths of v2 that v1 has, too. Those of 3.x alone are not: backfills, versions, assets, answers of people."""


def list_routes() -> list[tuple[str, str, Handler, Role]]:
    """The table of v2 for v1: the same rights. Assets are datasets there."""
    shared = [
        (method, _RENAMED.get(path, path), translate(handler, (method, path) == _TRIGGER), least)
        for method, path, handler, least in ROUTES
        if path in SERVED
    ]
    own = v1_datasets.list_routes()
    return shared + [(method, path, translate(handler, False), least) for method, path, handler, least in own]


def translate(handler: Handler, is_trigger: bool) -> Handler:
    """`handler`, spoken to and answering in v1's words."""

    def run(call: Call) -> Response:
        try:
            response = handler(read_trigger(call) if is_trigger else call)
        except ApiError as error:
            return reply(describe_error(error.status, error.detail), error.status)
        except UnknownOrder as error:
            return reply(describe_error(400, str(error)), 400)
        if response.media_type != "application/json":
            return response
        return reply(to_v1(orjson.loads(response.body)), response.status_code)

    return run


def read_trigger(call: Call) -> Call:
    """The call with v1's names for what a run is started with replaced by v2's."""
    body = read_json(call.body or b"{}")
    if not isinstance(body, dict):
        return call
    old = body.pop("execution_date", None)
    body.setdefault("logical_date", old)
    if body["logical_date"] is None:
        body["logical_date"] = moment(call.cell.clock())
    body["logical_date"] = _with_offset(body["logical_date"])
    return replace(call, body=orjson.dumps({key: value for key, value in body.items() if key != "state"}))


def describe_error(status: int, detail: Any) -> dict[str, Any]:
    """An error as a problem document."""
    text = detail if isinstance(detail, str) else "; ".join(_describe_problem(found) for found in detail)
    return {"detail": text, "status": status, "title": HTTPStatus(status).phrase, "type": "about:blank"}


def to_v1(body: Any) -> Any:
    """An answer of v2 with the members that v1 has besides."""
    if isinstance(body, list):
        return [to_v1(item) for item in body]
    if not isinstance(body, dict):
        return body
    if "continuation_token" in body:
        text = "".join(f"{event['event']}\n" for event in body["content"])
        return {
            **body,
            "content": repr([("", text)] if text else []),
        }  # Airflow 2's: a list of (host, text), as Python
    if "dag_run_id" in body and "run_type" in body:
        return {
            **body,
            "execution_date": body["logical_date"],
            "external_trigger": body["run_type"] == "manual",
        }
    if "dag_run_id" in body and "try_number" in body:
        return {**body, "execution_date": body.get("logical_date"), "sla_miss": None}
    if "fileloc" in body and "dag_id" in body:
        return {**body, **_dag_members(body)}
    if body.keys() & _COLLECTIONS:
        return {key: to_v1(value) for key, value in body.items() if key not in NO_CURSOR}
    return body


_COLLECTIONS = {"dags", "dag_runs", "task_instances"}


def _dag_members(body: dict[str, Any]) -> dict[str, Any]:
    schedule = body["timetable_summary"]
    return {
        "schedule_interval": None if schedule is None else {"__type": "CronExpression", "value": schedule},
        "is_active": not body["is_stale"],
        "is_subdag": False,
        "root_dag_id": None,
        "next_dagrun": body["next_dagrun_logical_date"],
        "next_dagrun_create_after": body["next_dagrun_run_after"],
        "default_view": "grid",
        "has_task_concurrency_limits": body["has_task_concurrency_limits"],
    }


def _with_offset(text: Any) -> Any:
    """v1 takes a date without an offset to be in UTC; what is no date is left for the check to refuse."""
    try:
        when = dt.datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return text
    return text if when.tzinfo else f"{text}+00:00"


def _describe_problem(found: dict[str, Any]) -> str:
    return f"{'.'.join(map(str, found['loc'][1:]))}: {found['msg']}"
