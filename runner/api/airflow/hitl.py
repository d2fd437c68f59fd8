"""What tasks ask people (human in the loop): reading it, and answering, which lets the task go on at once."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import Response

from runner.api.airflow.bodies import HitlResponse
from runner.api.airflow.run_shapes import ti_body
from runner.api.airflow.task_instances import find_row
from runner.api.airflow.waiting import list_triggers
from runner.api.answers import moment, reply
from runner.api.call import Call
from runner.api.errors import ApiError, not_found
from runner.store import hitl
from runner.store.listing_runs import find_task_instance

_ABOUT_TO_WAIT = ("queued", "running")
"""It has asked, and its deferral is not committed yet: the answer is kept, and taken when it waits."""


def list_details(call: Call) -> Response:
    """GET /dags/{dag_id}/dagRuns/{dag_run_id}/hitlDetails; '~' is all DAGs or all runs."""
    query = call.query()
    answered, window = query.flag("response_received", None), query.window()
    query.check()
    with call.cell.db.read() as conn:
        page = hitl.list_questions(conn, call.path["dag_id"], call.path["dag_run_id"], answered, window)
        bodies = []
        for row in page.rows:
            task = find_task_instance(conn, row.dag_id, row.run_id, row.task_id, row.map_index)
            if task is not None:
                bodies.append(_body(call, conn, row, task))
    return reply({"hitl_details": bodies, "total_entries": page.total})


def get_detail(call: Call) -> Response:
    """GET …/taskInstances/{task_id}/{map_index}/hitlDetails"""
    with call.cell.db.read() as conn:
        task = find_row(call, conn)
        return reply(_body(call, conn, _get_question(conn, task), task))


def answer(call: Call) -> Response:
    """PATCH …/taskInstances/{task_id}/{map_index}/hitlDetails: the answer, once."""
    body = call.parse(HitlResponse)
    now, person = call.cell.clock(), call.identity.user
    user = {"id": person, "name": person}
    with call.cell.db.begin() as conn:
        task = find_row(call, conn)
        asked = _get_question(conn, task)
        _check(asked, body.chosen_options, person)
        response = hitl.Response(body.chosen_options, body.params_input, user, now)
        if not hitl.note_response(conn, task.id, response):
            raise ApiError("conflict", f"cannot answer {task.task_id!r}: it has been answered")
        event = call.cell.box.seal(json.dumps(response.to_event()))
        if not hitl.resume(conn, task.id, event, now) and task.state not in _ABOUT_TO_WAIT:
            raise ApiError("conflict", f"cannot answer {task.task_id!r}: it is not waiting for an answer")
    call.cell.post_runs_changed([task.run])
    chosen = {"chosen_options": response.chosen, "params_input": response.params}
    return reply({"responded_by": user, "responded_at": moment(now), **chosen})


def _check(asked: Any, chosen: list[str], person: str) -> None:
    """Raises ApiError for an answer that is not one of those asked for, or of somebody who was not asked."""
    assigned = {str(user.get("id")) for user in json.loads(asked.assignees)}
    if assigned and person not in assigned:
        raise ApiError("forbidden", f"cannot answer: {person!r} is not among those who are asked")
    options = json.loads(asked.options)
    unknown = sorted(set(chosen) - set(options))
    if unknown:
        raise ApiError("invalid", f"cannot choose {unknown}: the options are {options}")
    if len(chosen) > 1 and not asked.multiple:
        raise ApiError("invalid", "cannot choose more than one option here")


def _get_question(conn: Any, task: Any) -> Any:
    found = hitl.find_question(conn, task.id)
    if found is None:
        raise not_found("what it asks people, of task instance", task.task_id)
    return found


def _body(call: Call, conn: Any, asked: Any, task: Any) -> dict[str, Any]:
    waiting = list_triggers(conn, [task], call.cell.clock())
    return {
        "task_instance": ti_body(task, call.summaries.get(conn, [task.version_id])[task.version_id], waiting),
        "subject": asked.subject,
        "body": asked.body,
        "options": json.loads(asked.options),
        "defaults": None if asked.defaults is None else json.loads(asked.defaults),
        "multiple": bool(asked.multiple),
        "params": {name: _param(value) for name, value in json.loads(asked.params).items()},
        "assigned_users": json.loads(asked.assignees),
        "created_at": moment(asked.created_at),
        "responded_at": moment(asked.responded_at),
        "responded_by_user": None if asked.responded_by is None else json.loads(asked.responded_by),
        "chosen_options": None if asked.chosen_options is None else json.loads(asked.chosen_options),
        "params_input": json.loads(asked.params_input),
        "response_received": asked.responded_at is not None,
    }


def _param(value: Any) -> Any:
    is_whole = isinstance(value, dict) and {"description", "schema", "value"} <= value.keys()
    return value if is_whole else {"value": value, "description": None, "schema": {}}
