"""One side of a comparison: it takes Airflow DAG files and speaks Airflow's REST API."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from tests.benchmarks.shapes import HELPER, Shape, helper

T = TypeVar("T")
PENDING = {"queued", "running"}


class Side(Protocol):
    """What the harness needs of an engine. Paths have no `/api/v2` before them."""

    @property
    def name(self) -> str: ...

    @property
    def isolation(self) -> str:
        """A: a fresh process per task; B: a worker process used again; C: inside the engine's own process."""

    @property
    def durability(self) -> str: ...

    def put(self, key: str, text: str) -> None:
        """Put a file into the DAG folder."""

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, Any]:
        """One REST call: the status and the decoded answer."""


@dataclass(slots=True)
class HttpJson:
    """JSON over plain HTTP from the standard library; an error status is an answer, not an exception."""

    base: str
    headers: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **self.headers}
        request = urllib.request.Request(self.base + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")


def wait_for(what: str, probe: Callable[[], T | None], deadline: float, every: float = 0.05) -> T:
    """The probe's first answer that is not None or False; TimeoutError, naming `what`, after the deadline."""
    end = time.monotonic() + deadline
    while True:
        answer = probe()
        if answer is not None and answer is not False:
            return answer
        if time.monotonic() > end:
            raise TimeoutError(f"cannot go on: {what} did not happen within {deadline:.0f} s")
        time.sleep(every)


def publish(side: Side, shape: Shape, deadline: float = 300.0) -> float:
    """Upload a shape's DAG file, wait until the API knows the DAG, unpause it; the seconds until visible."""
    side.put(HELPER, helper())
    began = time.monotonic()
    side.put(shape.key, shape.source())
    wait_for(f"{side.name}: DAG {shape.dag_id} visible", lambda: is_visible(side, shape.dag_id), deadline)
    visible = time.monotonic() - began
    must(side, "PATCH", f"/dags/{shape.dag_id}", {"is_paused": False})
    return visible


def is_visible(side: Side, dag_id: str) -> bool:
    return side.call("GET", f"/dags/{dag_id}")[0] == 200


def trigger(side: Side, dag_id: str, conf: Mapping[str, Any]) -> str:
    """Start a manual run now; its id."""
    answer = must(side, "POST", f"/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf})
    return str(answer["dag_run_id"])


def run_state(side: Side, dag_id: str, run_id: str) -> str | None:
    """The run's final state; None while it goes on."""
    state = str(must(side, "GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"])
    return None if state in PENDING else state


def task_states(side: Side, dag_id: str, run_id: str) -> dict[str, int]:
    """How many task instances of a run are in each state."""
    counts: dict[str, int] = {}
    offset = 0
    while True:
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=100&offset={offset}"
        page = must(side, "GET", path)["task_instances"]
        for instance in page:
            counts[str(instance["state"])] = counts.get(str(instance["state"]), 0) + 1
        offset += len(page)
        if len(page) < 100:
            return counts


def must(side: Side, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """A call that has to succeed."""
    status, answer = side.call(method, path, body)
    if not 200 <= status < 300:
        raise RuntimeError(f"{side.name} cannot {method} {path}: it answered {status}: {str(answer)[:400]}")
    return answer
