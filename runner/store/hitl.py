"""What people are asked, and what they answered. An answer is taken once, and lets the task that waits go on."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from airflow._wire import encoding
from airflow._wire.messages import AWAITING_INPUT

from runner.store.listing_page import Orders, Page, Window, fetch_page
from runner.store.put import put_row
from runner.store.schema import hitl_detail, task_instance, trigger

_ORDERS = Orders(
    {
        "ti_id": hitl_detail.c.task_instance,
        "subject": hitl_detail.c.subject,
        "created_at": hitl_detail.c.created_at,
        "responded_at": hitl_detail.c.responded_at,
        "dag_id": task_instance.c.dag_id,
        "run_id": task_instance.c.run_id,
    },
    hitl_detail.c.task_instance,
)


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. `user`: {"id", "name"} of who gave it; None: nobody did in time, and the defaults count."""

    chosen: list[str]
    params: dict[str, Any]
    user: dict[str, str] | None
    at: float

    def to_event(self) -> dict[str, Any]:
        """What the task goes on with, as plain JSON."""
        return {
            "chosen_options": self.chosen,
            "params_input": self.params,
            "responded_at": encoding.to_plain(dt.datetime.fromtimestamp(self.at, dt.UTC)),
            "responded_by_user": self.user,
            "timedout": self.user is None,
        }


def put_question(conn: sa.Connection, key: int, asked: dict[str, Any], now: float) -> None:
    """Write down what a task instance asks; what was answered to an earlier try is forgotten."""
    texts = {name: json.dumps(asked[name]) for name in ("options", "params", "assignees")}
    defaults = None if asked["defaults"] is None else json.dumps(asked["defaults"])
    plain = {name: asked[name] for name in ("subject", "body", "multiple")}
    unanswered = {"responded_at": None, "responded_by": None, "chosen_options": None, "params_input": "{}"}
    row = {"task_instance": key, **plain, **texts, "defaults": defaults, "created_at": now, **unanswered}
    put_row(conn, hitl_detail, row)


def find_question(conn: sa.Connection, key: int) -> sa.Row[Any] | None:
    """What a task instance asks or asked."""
    return conn.execute(sa.select(hitl_detail).where(hitl_detail.c.task_instance == key)).first()


def list_questions(
    conn: sa.Connection, dag_id: str, run_id: str, answered: bool | None, window: Window
) -> Page:
    """Questions of the tasks of a run; '~' is all DAGs or all runs."""
    t = task_instance.c
    query = sa.select(hitl_detail, t.dag_id, t.run_id, t.task_id, t.map_index).join(
        task_instance, t.id == hitl_detail.c.task_instance
    )
    if dag_id != "~":
        query = query.where(t.dag_id == dag_id)
    if run_id != "~":
        query = query.where(t.run_id == run_id)
    if answered is not None:
        is_open = hitl_detail.c.responded_at.is_(None)
        query = query.where(~is_open if answered else is_open)
    return fetch_page(conn, query, window, _ORDERS)


def note_response(conn: sa.Connection, key: int, response: Response) -> bool:
    """Write an answer down; False when there is one already."""
    h = hitl_detail.c
    values = {
        "responded_at": response.at,
        "responded_by": None if response.user is None else json.dumps(response.user),
        "chosen_options": json.dumps(response.chosen),
        "params_input": json.dumps(response.params),
    }
    open_one = (h.task_instance == key, h.responded_at.is_(None))
    return conn.execute(hitl_detail.update().where(*open_one).values(values)).rowcount == 1


def list_early(conn: sa.Connection) -> list[tuple[int, int, Response]]:
    """Answers that came before the task had begun to wait, and that it waits for now: task, run, answer."""
    h = hitl_detail.c
    query = (
        sa.select(hitl_detail, task_instance.c.run)
        .join(trigger, trigger.c.task_instance == h.task_instance)
        .join(task_instance, task_instance.c.id == h.task_instance)
        .where(h.responded_at.is_not(None), trigger.c.event.is_(None), trigger.c.error.is_(None))
        .where(trigger.c.classpath == AWAITING_INPUT, task_instance.c.state == "deferred")
    )
    return [(row.task_instance, row.run, _read_response(row)) for row in conn.execute(query)]


def _read_response(row: Any) -> Response:
    user = None if row.responded_by is None else json.loads(row.responded_by)
    return Response(json.loads(row.chosen_options), json.loads(row.params_input), user, row.responded_at)


def resume(conn: sa.Connection, key: int, event: str, now: float) -> bool:
    """Let the task go on with a sealed event; False when it does not wait. Post RunChanged afterwards."""
    waiting = (trigger.c.task_instance == key, trigger.c.event.is_(None), trigger.c.error.is_(None))
    if conn.execute(trigger.update().where(*waiting).values(event=event)).rowcount != 1:
        return False
    t = task_instance.c
    change = task_instance.update().where(t.id == key, t.state == "deferred")
    return conn.execute(change.values(state="scheduled", scheduled_at=now, next_at=None)).rowcount == 1
