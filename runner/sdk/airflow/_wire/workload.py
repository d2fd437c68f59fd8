"""One attempt of one task, as data: what the engine hands to an agent and the agent to a child."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from typing import Any

_UNSAFE = re.compile(r"[^\w.=+\-]|\.\.")


@dataclass(frozen=True, slots=True)
class Workload:
    """All that it takes to run an attempt. `attempt` is its identity: handing it over twice starts it once."""

    attempt: str
    """The fencing token: new for every try; a report that carries another is refused."""
    dag_id: str
    run_id: str
    task_id: str
    try_number: int
    max_tries: int
    """How many tries in all (retries + 1): tells the child whether a failure is the last."""
    bundle: str
    """Digest of the snapshot the run is pinned to."""
    file: str
    """The DAG file, relative to the snapshot."""
    run: dict[str, Any]
    """The run's facts, as `encoding.to_plain` writes them: logical_date, data_interval_start, data_interval_end,
    run_after, start_date, run_type, conf, external_trigger, prev_* ..."""
    map_index: int = -1
    queue: str = "default"
    execution_timeout: float | None = None
    """Seconds; the child raises AirflowTaskTimeout, the agent kills a child that ignores it."""
    fresh_interpreter: bool = False
    """Run in a new interpreter and not in a fork of the file's zygote."""
    extra: dict[str, Any] = field(default_factory=dict)
    """What only some attempts have.

    `first_start`: when a try that goes on after a pause began. `reschedules`: how often it has. `resume`:
    {"next_method", "next_kwargs", "event"} after a deferral, or {"error", "traceback"} when its trigger came to
    nothing (error is timeout or failure). `asset_events`: what triggered the run.
    `callback`: this is no task but a callback to be called: {"id", "kind", "reason", "state", "task"}, where the
    context is that of `task`."""

    def to_message(self) -> dict[str, Any]:
        """As data. Shallow: a thousand attempts of one run share its facts."""
        return {name: getattr(self, name) for name in _NAMES}

    @property
    def log_key(self) -> str:
        callback = self.extra.get("callback")
        if callback:
            return callback_log_key(
                self.dag_id, self.run_id, callback["kind"], callback["id"], self.try_number
            )
        return log_key(self.dag_id, self.run_id, self.task_id, self.map_index, self.try_number)


_NAMES = tuple(f.name for f in fields(Workload))


def from_message(data: dict[str, Any]) -> Workload:
    """The workload in a message; keys this version does not know are left out."""
    return Workload(**{key: value for key, value in data.items() if key in _NAMES})


def log_key(dag_id: str, run_id: str, task_id: str, map_index: int, try_number: int) -> str:
    """Where an attempt's log is, below the logs prefix: a folder of parts, `part-00001.log` and so on.

    MWAA's stream names, with ':' and whatever a path cannot carry written as '_'.
    """
    parts = [f"dag_id={_safe(dag_id)}", f"run_id={_safe(run_id)}", f"task_id={_safe(task_id)}"]
    if map_index >= 0:
        parts.append(f"map_index={map_index}")
    return "/".join([*parts, f"attempt={try_number}"])


def callback_log_key(dag_id: str, run_id: str, kind: str, id: int, try_number: int) -> str:
    """Where the log of a callback is that the engine had called: beside the logs of its run's tasks."""
    parts = [f"dag_id={_safe(dag_id)}", f"run_id={_safe(run_id)}", f"callback={_safe(kind)}-{id}"]
    return "/".join([*parts, f"attempt={try_number}"])


def _safe(text: str) -> str:
    return _UNSAFE.sub("_", text)
