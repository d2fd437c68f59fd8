"""GET /metrics: the edge's numbers and every cell's, as Prometheus would read them."""

from __future__ import annotations

import urllib.request
from collections import Counter

import pytest
from prometheus_client.parser import text_string_to_metric_families

from control_plane.domain.status import Status
from control_plane.operations.service import CellRequest, CellResponse, CellUnreachable
from tests.http.serving import Server, make

TEXT = (
    "# HELP aerodrome_ready 1 when the cell takes work\n# TYPE aerodrome_ready gauge\naerodrome_ready {ready}\n"
    "# HELP aerodrome_dags DAGs\n# TYPE aerodrome_dags gauge\n"
    'aerodrome_dags{{paused="true",environment="forged"}} 2.0\naerodrome_dags{{paused="false"}} 3.0\n'
)
ANSWERS: dict[str, bytes | CellUnreachable] = {
    "first": TEXT.format(ready="1.0").encode(),
    "second": TEXT.format(ready="0.0").encode(),
    "silent": CellUnreachable(504, "environment silent gave no answer within 1 s"),
    "garbled": b'what{"is" this} \xc3\n',
    "odd": b"{}",
}


def answer(environment: str, request: CellRequest, timeout: float) -> CellResponse:
    assert (request.method, request.path) == ("GET", "/metrics") and timeout <= 1
    found = ANSWERS[environment]
    if isinstance(found, CellUnreachable):
        raise found
    return CellResponse(200, "text/plain", found)


@pytest.fixture(scope="module")
def text(server: Server) -> str:
    for name in ANSWERS:
        make(server, name, Status.UNAVAILABLE if name == "silent" else Status.AVAILABLE)
    make(server, "gone", Status.DELETED)
    server.cells.call = answer  # type: ignore[method-assign]
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=10) as response:
        return str(response.read().decode())


def test_every_metric_is_described_once(text: str) -> None:
    described = Counter(tuple(line.split()[1:3]) for line in text.splitlines() if line.startswith("#"))
    assert ("TYPE", "aerodrome_ready") in described and set(described.values()) == {1}


def test_each_cell_has_its_own_samples(text: str) -> None:
    found = {family.name: family.samples for family in text_string_to_metric_families(text)}
    assert {s.labels["environment"]: s.value for s in found["aerodrome_ready"]} == {"first": 1, "second": 0}
    dags = {(s.labels["environment"], s.labels["paused"]): s.value for s in found["aerodrome_dags"]}
    assert dags == {(name, key): n for name in ("first", "second") for key, n in (("true", 2), ("false", 3))}
    assert "aerodrome_request_seconds" in found, "and the edge its own"


def test_a_cell_that_cannot_answer_costs_its_own_samples_only(text: str) -> None:
    found = {family.name: family.samples for family in text_string_to_metric_families(text)}
    answers = {s.labels["environment"]: s.value for s in found["aerodrome_environment_answers"]}
    assert answers == {"first": 1, "second": 1, "silent": 0, "garbled": 0, "odd": 0}
