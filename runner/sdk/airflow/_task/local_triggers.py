"""A deferred task of a local run: its trigger runs right here, until its first event."""

from __future__ import annotations

import asyncio
import traceback
from typing import Any

from airflow.models.xcom import from_plain, to_plain
from airflow.utils.module_loading import import_string


def resume_after(deferral: dict[str, Any]) -> dict[str, Any]:
    """What the task goes on with (the `resume` of a workload) once its trigger fired, failed or took too long."""
    resume = {"next_method": deferral["next_method"], "next_kwargs": deferral["next_kwargs"], "event": None}
    try:
        event = asyncio.run(asyncio.wait_for(_first_event(deferral), deferral.get("timeout")))
    except TimeoutError:
        return {**resume, "error": "timeout"}
    except Exception:
        return {**resume, "error": "failure", "traceback": traceback.format_exc()}
    return {**resume, "event": to_plain(event.payload, "the event"), "error": None}


async def _first_event(deferral: dict[str, Any]) -> Any:
    trigger = import_string(deferral["classpath"])(**from_plain(deferral["kwargs"]))
    try:
        async for event in trigger.run():
            return event
    finally:
        cleanup = getattr(trigger, "cleanup", None)
        if cleanup is not None:
            await cleanup()
    raise RuntimeError(f"the trigger {deferral['classpath']} ended without an event")
