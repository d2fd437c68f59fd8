"""Who may call what: every route of the table, by every role, and with the wrong token."""

from __future__ import annotations

import logging
import re

import pytest

from runner.api.airflow.routes import ROUTES
from runner.api.auth import ROLES
from tests.running import until

_VALUES = {
    "dag_id": "demo",
    "dag_run_id": "r1",
    "task_id": "a",
    "map_index": "0",
    "try_number": "1",
    "task_try_number": "1",
    "version_number": "1",
    "import_error_id": "1",
}


def path_of(template: str) -> str:
    return re.sub(r"\{(.+?)\}", lambda match: _VALUES.get(match[1], "x"), template)


@pytest.mark.parametrize("role", [*ROLES, "Nonsense"])
def test_route_is_refused_to_roles_below_its_own(demo, role):
    for method, path, _handler, least in ROUTES:
        may = ROLES.get(role, 0) >= least
        answer = demo.call(method, path_of(path), role=role, content=b"not json")
        where = f"{role} {method} {path}: {answer.status_code} {answer.text}"
        assert answer.status_code < 500, where
        refused_for_role = answer.status_code == 403 and answer.json() == {"detail": "Forbidden"}
        assert refused_for_role is not may, where


@pytest.mark.parametrize("given", ["", "Bearer wrong", "Bearer token2", "Basic token", "Bearer", "token"])
@pytest.mark.parametrize(
    "path", ["/dags", "/version", "/nowhere", "/healthz", "/metrics", "/dags/demo/dagRuns"]
)
def test_nothing_is_told_without_the_token(demo, path, given):
    answer = demo.call("GET", path, headers={"Authorization": given})
    assert answer.status_code == 401
    assert answer.json() == {"detail": "Not authenticated"}
    assert answer.headers["www-authenticate"] == "Bearer"


def test_socket_belongs_to_its_owner_only(cell):
    assert cell.context.layout.api_socket.stat().st_mode & 0o777 == 0o600
    assert (cell.context.layout.home / "secrets.key").stat().st_mode & 0o777 == 0o600


def test_one_line_says_who_asked_for_what_when_a_request_is_answered(cell, caplog) -> None:
    with caplog.at_level(logging.INFO, logger="aerodrome.api.access"):
        cell.call("GET", "/dags?dag_id_pattern=private")
        cell.call("GET", "/dags/nothing-of-the-kind")
        cell.call("GET", "/healthz")
        cell.http.get("/api/v2/dags")
        until(lambda: "401" in caplog.text, 5, "the last request's line, which is written after its answer")
    lines = [vars(record) for record in caplog.records if record.name == "aerodrome.api.access"]
    assert [(line["method"], line["path"], line["status"], line["user"]) for line in lines] == [
        ("GET", "/api/v2/dags", 200, "ann"),
        ("GET", "/api/v2/dags/nothing-of-the-kind", 404, "ann"),
        ("GET", "/api/v2/dags", 401, None),
    ]
    assert not any("private" in record.getMessage() for record in caplog.records)
