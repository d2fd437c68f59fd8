"""InvokeRestApi through boto3: what reaches the cell, what comes back, what never leaves the edge."""

from __future__ import annotations

from typing import Any

import pytest

from control_plane.domain.status import SERVING, Status
from control_plane.operations.service import CellResponse, CellUnreachable
from tests.http.serving import FakeCells, Server, code, make, refused


@pytest.fixture
def cells(server: Server) -> FakeCells:
    server.cells.asked.clear()
    server.cells.answer = CellResponse(200, "application/json", b'{"dags": []}')
    return server.cells


def invoke(server: Server, name: str, **arguments: Any) -> Any:
    return server.client().invoke_rest_api(**{"Name": name, "Path": "/dags", "Method": "GET", **arguments})


@pytest.fixture(scope="module")
def running_environment(server: Server) -> str:
    make(server, "rest")
    return "rest"


def test_invoke_hands_the_request_on_with_who_asks(
    server: Server, cells: FakeCells, running_environment: str
) -> None:
    query = {"limit": 5, "only_active": True, "tags": ["a", "b c"], "order_by": "-x", "none": None}
    path = "/dags/d é/dagRuns/manual__2024-01-01T00:00:00+00:00"
    answer = invoke(
        server, running_environment, Path=path, Method="PATCH", QueryParameters=query, Body={"a": [1]}
    )
    assert (answer["RestApiStatusCode"], answer["RestApiResponse"]) == (200, {"dags": []})
    name, asked = cells.asked[-1]
    assert (name, asked.method, asked.user, asked.role) == ("rest", "PATCH", "admin", "Admin")
    assert asked.path == "/api/v2/dags/d%20%C3%A9/dagRuns/manual__2024-01-01T00:00:00+00:00"
    assert asked.query == "limit=5&only_active=true&tags=a&tags=b+c&order_by=-x"
    assert asked.body == b'{"a":[1]}'


def test_invoke_sends_no_body_when_a_get_comes_with_empty_documents(
    server: Server, cells: FakeCells, running_environment: str
) -> None:
    invoke(server, running_environment, Body={}, QueryParameters={})
    _, asked = cells.asked[-1]
    assert (asked.path, asked.query, asked.body) == ("/api/v2/dags", "", None)


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        (400, "RestApiClientException"),
        (404, "RestApiClientException"),
        (409, "RestApiClientException"),
        (500, "RestApiServerException"),
        (503, "RestApiServerException"),
    ],
)
def test_invoke_carries_the_inner_answer_when_it_is_an_error(
    server: Server, cells: FakeCells, running_environment: str, status: int, wanted: str
) -> None:
    cells.answer = CellResponse(status, "application/problem+json", b'{"detail": "no"}')
    error = refused(invoke, server=server, name=running_environment)
    assert code(error) == (wanted, 400)
    assert error.response["RestApiStatusCode"] == status
    assert error.response["RestApiResponse"] == {"detail": "no"}


def test_invoke_is_a_server_error_inside_a_400_when_the_cell_does_not_answer(
    server: Server, cells: FakeCells, running_environment: str
) -> None:
    cells.answer = CellUnreachable(503, "environment rest does not answer")
    error = refused(invoke, server=server, name=running_environment)
    assert code(error) == ("RestApiServerException", 400)
    assert error.response["RestApiStatusCode"] == 503


@pytest.mark.parametrize(
    "path",
    [
        "dags",
        "http://169.254.169.254/latest",
        "//evil/x",
        "/../health",
        "/dags/../../x",
        "/dags/%2e%2e/x",
        "/dags/%252e%252e/x",
        "/a\r\nHost: b",
        "/a\\b",
        "/dags?limit=1",
        "/dags%0d%0aX:1",
        "",
    ],
)
def test_invoke_never_reaches_the_cell_when_the_path_leaves_the_api(
    server: Server, cells: FakeCells, running_environment: str, path: str
) -> None:
    client = server.client()
    error = refused(client.invoke_rest_api, Name=running_environment, Path=path, Method="GET")
    assert code(error) == ("ValidationException", 400)
    assert cells.asked == []


@pytest.mark.parametrize(
    "arguments",
    [{"Method": "TRACE"}, {"QueryParameters": {"a": {"b": 1}}}, {"QueryParameters": "x"}, {"Name": "1 x"}],
)
def test_invoke_refuses_bad_members(
    server: Server, cells: FakeCells, running_environment: str, arguments: dict[str, Any]
) -> None:
    error = refused(invoke, **{"server": server, "name": running_environment, **arguments})
    assert code(error) == ("ValidationException", 400)
    assert cells.asked == []


@pytest.mark.parametrize("status", list(Status))
def test_invoke_answers_while_the_cell_runs(server: Server, cells: FakeCells, status: Status) -> None:
    name = f"invoke-{status}"
    make(server, name, status)
    if status in SERVING:
        assert invoke(server, name)["RestApiStatusCode"] == 200
    else:
        assert code(refused(invoke, server=server, name=name)) == ("ValidationException", 400)


def test_invoke_is_404_when_there_is_no_environment(server: Server, cells: FakeCells) -> None:
    assert code(refused(invoke, server=server, name="nobody")) == ("ResourceNotFoundException", 404)
