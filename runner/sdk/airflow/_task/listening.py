"""Telling the listeners of plugins what happens to a task or a run. What one raises is logged and changes nothing."""

from __future__ import annotations

import logging
import sys
from typing import Any

log = logging.getLogger("airflow.task")
_MANAGER = "airflow.listeners.manager"
RUN_STATES = ("running", "success", "failed")


def has_listeners() -> bool:
    """Whether anybody listens in this process. Nothing is imported to find out."""
    manager = sys.modules.get(_MANAGER)
    return manager is not None and manager.get_listener_manager().has_listeners


def list_run_states() -> list[str]:
    """The states of runs that somebody wants to hear of."""
    if not has_listeners():
        return []
    from airflow.listeners.manager import get_listener_manager

    manager = get_listener_manager()
    return [state for state in RUN_STATES if manager.listens(f"on_dag_run_{state}")]


def tell(name: str, **facts: Any) -> list[BaseException]:
    """Call every listener's function of that name; what they raised."""
    from airflow.listeners.manager import get_listener_manager

    raised: list[BaseException] = []
    for function in get_listener_manager().list_functions(name):
        try:
            _call(function, facts)
        except Exception as error:
            log.error("cannot finish the listener %s: it raised", name, exc_info=error)
            raised.append(error)
    return raised


def tell_of_task(ti: Any, state: str, error: Any = None) -> None:
    """A task instance is running, or has ended (`ti.state` says how). With a session that is none, for 2.x."""
    from airflow.utils.state import TaskInstanceState

    name = {"up_for_retry": "failed"}.get(state, state)
    if name not in ("running", "success", "failed", "skipped"):
        return
    before = TaskInstanceState.QUEUED if name == "running" else TaskInstanceState.RUNNING
    facts = {"previous_state": before, "task_instance": ti, "session": None}
    tell(f"on_task_instance_{name}", **facts, **({"error": error} if name == "failed" else {}))


def _call(function: Any, facts: dict[str, Any]) -> None:
    """With the facts that it names, as pluggy does it."""
    import inspect

    names = inspect.signature(function).parameters
    function(**{name: value for name, value in facts.items() if name in names})
