"""Human in the loop, as operators reach it: asking, and waiting without a process until somebody answers."""

from __future__ import annotations

from typing import Any, TypedDict

from airflow.exceptions import NotSupported


class HITLUser(TypedDict):
    """Who may answer, or did."""

    id: str
    name: str


def upsert_hitl_detail(
    ti_id: Any,
    options: list[str],
    subject: str,
    body: str | None = None,
    defaults: list[str] | None = None,
    multiple: bool = False,
    params: dict[str, Any] | None = None,
    assigned_users: list[HITLUser] | None = None,
) -> None:
    """Show people a question of the running task; an earlier one of it is replaced."""
    from airflow._task.comms import required
    from airflow.models.xcom import to_plain

    asked = {
        "subject": subject,
        "body": body,
        "options": list(options),
        "defaults": defaults,
        "multiple": multiple,
        "params": to_plain(dict(params or {}), "params"),
        "assignees": list(assigned_users or ()),
    }
    required("ask people").ask("put_hitl_detail", asked)


def get_hitl_detail_content_detail(ti_id: Any) -> Any:
    """Polling for an answer is what triggers of Airflow before 3.3 did; here the answer resumes the task itself."""
    raise NotSupported(
        "cannot poll for an answer: raise TaskAwaitingInput, and the task goes on when there is one"
    )


def update_hitl_detail_response(ti_id: Any, chosen_options: list[str], params_input: dict[str, Any]) -> Any:
    """Answers come from people, through the API."""
    raise NotSupported("cannot answer in the place of people: their answers come through the API")
