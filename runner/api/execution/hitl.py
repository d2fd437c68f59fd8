"""What a task asks people."""

from __future__ import annotations

from typing import Any

from runner.api.execution.asking import Question, Refused
from runner.store import hitl
from runner.store.listing_runs import find_task_instance


def put_hitl_detail(question: Question) -> None:
    """{subject, options, body|null, defaults|null, multiple, params, assignees} -> null"""
    options = question.list_or_none("options", str)
    if not options:
        raise Refused("invalid", "cannot ask people: there must be options to choose from")
    params = question.params.get("params") or {}
    if not isinstance(params, dict):
        raise Refused("invalid", "cannot ask people: 'params' must be an object")
    asked: dict[str, Any] = {
        "subject": question.text("subject"),
        "body": question.text_or_none("body"),
        "options": options,
        "defaults": question.list_or_none("defaults", str),
        "multiple": bool(question.params.get("multiple")),
        "params": params,
        "assignees": question.list_or_none("assignees", dict) or [],
    }
    asker = question.attempt
    with question.cell.db.begin() as conn:
        row = find_task_instance(conn, asker.dag_id, asker.run_id, asker.task_id, asker.map_index)
        if row is None:
            raise Refused("not_found", f"cannot find the task instance {asker.task_id!r}")
        hitl.put_question(conn, row.id, asked, question.cell.clock())
