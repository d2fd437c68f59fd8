"""Hosts as clients make them: boto3 puts api., env. and ops. before the endpoint's name, and signs that."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from botocore import xform_name
from botocore.config import Config

from tests.conformance.mwaa_model import MODEL
from tests.http.serving import Server, make


@pytest.fixture
def wildcard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every name below mwaa.example leads here, as wildcard DNS would have it; the names that were asked for."""
    asked, real = [], socket.getaddrinfo

    def getaddrinfo(host: Any, *arguments: Any, **more: Any) -> Any:
        if str(host).endswith("mwaa.example"):
            asked.append(str(host))
            host = "127.0.0.1"
        return real(host, *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize(
    ("operation", "given"),
    [
        ("GetEnvironment", {"Name": "hosted"}),
        ("ListEnvironments", {}),
        ("InvokeRestApi", {"Name": "hosted", "Path": "/dags", "Method": "GET"}),
        ("PublishMetrics", {"EnvironmentName": "hosted", "MetricData": []}),
    ],
)
def test_prefixed_host_is_answered(
    server: Server, wildcard: list[str], operation: str, given: dict[str, Any]
) -> None:
    if "hosted" not in server.client().list_environments()["Environments"]:
        make(server, "hosted")
    config = Config(retries={"total_max_attempts": 1})
    client = server.client(endpoint_url=f"http://mwaa.example:{server.port}", config=config)
    getattr(client, xform_name(operation))(**given)
    prefix = MODEL.operation_model(operation).endpoint["hostPrefix"]
    assert set(wildcard) == {f"{prefix}mwaa.example"}
