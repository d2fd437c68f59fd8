"""Callers that ask too often, as boto3 sees it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.config import Config

from control_plane.domain.throttle import parse_rates
from tests.http.serving import MINIMAL, Server, code, refused, running
from tests.http.test_iam import as_user, document


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    rates = parse_rates("0, ListEnvironments=0.001:2, GetEnvironment=4:1, ListUsers=0.001:1")
    with running(tmp_path_factory.mktemp("throttled"), rates=rates) as server:
        yield server


def test_caller_over_its_rate_is_told_so_and_others_are_not(server: Server) -> None:
    client = server.client()
    for _ in range(2):
        client.list_environments()
    error = refused(client.list_environments)
    assert code(error) == ("ThrottlingException", 429)
    headers = error.response["ResponseMetadata"]["HTTPHeaders"]
    assert int(headers["retry-after"]) > 900
    assert headers["x-amzn-errortype"] == "ThrottlingException"
    assert "Rate exceeded" in str(error)
    client.create_environment(Name="other", **MINIMAL)
    as_user(server, "patient", "mwaa", document()).list_environments()


def test_boto3_that_retries_gets_its_answer(server: Server) -> None:
    client = server.client(config=Config(inject_host_prefix=False, retries={"total_max_attempts": 5}))
    server.client().create_environment(Name="retried", **MINIMAL)
    for _ in range(3):
        assert client.get_environment(Name="retried")["Environment"]["Name"] == "retried"


def test_iam_throttles_in_its_own_words(server: Server) -> None:
    iam = server.client("iam")
    iam.list_users()
    assert code(refused(iam.list_users)) == ("Throttling", 400)
