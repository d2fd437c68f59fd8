"""Deferral without a triggerer: `dag.test()` waits for a task's triggers in its own process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from airflow._task.triggering.classes import Classes
from airflow._task.triggering.runner import Runner
from airflow._wire import messages
from airflow._wire.frames import Message
from airflow._wire.workload import Workload


def go_on(word: Message, workload: Workload, execute: Callable[[Workload], Message]) -> Message:
    """The last word of a task that deferred: its triggers are waited for, and it is resumed, until it ends."""
    while word["state"] == "deferred":
        deferral = word["details"]["deferral"]
        event = asyncio.run(wait(deferral, workload))
        if event.get("end"):
            reason = "its trigger ended it"
            return messages.finish(
                **{"reason": reason, "retry": True, "details": {}, "xcoms": {}, **event["end"]}
            )
        word = execute(replace(workload, extra={**workload.extra, "resume": _make_resume(deferral, event)}))
    return word


async def wait(deferral: Message, workload: Workload) -> Message:
    """What the trigger fires with (see `messages.trigger_event`); error is timeout when it takes too long."""
    said: asyncio.Queue[Message] = asyncio.Queue()
    runner = Runner(Classes(None), said.put_nowait)
    names = ("dag_id", "run_id", "task_id", "map_index", "try_number")
    task = {name: getattr(workload, name) for name in names}
    start = {**deferral, "id": workload.attempt, "about": workload.task_id, "log_key": None, "task": task}
    runner.handle(messages.triggers([start], []))
    try:
        return await asyncio.wait_for(said.get(), deferral["timeout"])
    except TimeoutError:
        return {"error": "timeout", "event": None}
    finally:
        await runner.stop(5.0)


def _make_resume(deferral: Message, event: Message) -> Message:
    if event["error"] is not None:
        timed_out = event["error"] == "timeout"
        kind, trace = ("timeout", None) if timed_out else ("failure", event["error"])
        return {"error": kind, "traceback": trace}
    return {**{name: deferral[name] for name in ("next_method", "next_kwargs")}, "event": event["event"]}
