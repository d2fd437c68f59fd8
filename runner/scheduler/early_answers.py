"""People's answers that came before the task that asked had begun to wait: they are taken when it does.

A task's question is there a little before its deferral is committed, and somebody may be that fast. Not in the loop's
thread; told to it as what people change is.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from airflow._wire.messages import AWAITING_INPUT

from runner.events import RunChanged
from runner.scheduler.changes import Changes
from runner.store import hitl
from runner.store.database import Database
from runner.store.secrets import SecretBox


def may_have(changes: Changes) -> bool:
    """Whether a turn let a task wait for somebody, or an agent came that knows of tasks from before."""
    waits = changes.deferrals.values()
    return bool(changes.greeted) or any(wait and wait.classpath == AWAITING_INPUT for wait in waits)


def take(db: Database, box: SecretBox | None, post: Callable[[RunChanged], None]) -> None:
    """Let the tasks go on whose answers are there."""
    if box is None:
        return
    with db.read() as conn:
        early = hitl.list_early(conn)
    for key, run, response in early:
        event = box.seal(json.dumps(response.to_event()))
        with db.begin() as conn:
            is_resumed = hitl.resume(conn, key, event, time.time())
        if is_resumed:
            post(RunChanged(run))
