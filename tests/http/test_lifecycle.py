"""The operations of our own on environments, at the edge: who may ask, in which status, with what."""

from __future__ import annotations

from typing import Any

import click
import pytest

from control_plane.commands.api_client import ApiClient
from control_plane.domain.status import Status
from control_plane.store import environments
from tests.http.serving import ACCOUNT, REGION, Server, make
from tests.http.test_iam import as_user, document


def client_of(server: Server, credentials: Any = None) -> ApiClient:
    key = credentials or server.credentials
    return ApiClient(server.url, REGION, key.access_key_id, key.secret_access_key)


def find(server: Server, name: str) -> Any:
    with server.db.read() as conn:
        return environments.get(conn, name)


def test_pause_is_kept_once_and_may_be_hurried(server: Server) -> None:
    make(server, "paused")
    client, before = client_of(server), len(server.changes)
    client.call("POST", "/environments/paused/pause", {})
    assert len(server.changes) == before + 1
    row = find(server, "paused")
    assert (row.status, row.paused, row.is_pausing) == (Status.UPDATING, "GRACEFUL", True)
    with pytest.raises(click.ClickException, match="cannot be paused in status UPDATING"):
        client.call("POST", "/environments/paused/pause", {})
    client.call("POST", "/environments/paused/pause", {"WorkerReplacementStrategy": "FORCED"})
    assert find(server, "paused").paused == "FORCED"
    with pytest.raises(click.ClickException, match="is not paused: its status is UPDATING"):
        client.call("POST", "/environments/paused/resume", {})
    server.set_status("paused", Status.UNAVAILABLE)
    with pytest.raises(click.ClickException, match="is paused already"):
        client.call("POST", "/environments/paused/pause", {})
    client.call("POST", "/environments/paused/resume", {})
    assert find(server, "paused").paused is None


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        (
            "pause",
            {"WorkerReplacementStrategy": "HARD"},
            "WorkerReplacementStrategy|workerReplacementStrategy",
        ),
        ("export", {"Passphrase": "short"}, "[pP]assphrase"),
        ("import", {}, "[lL]ocation"),
        ("import", {"Location": "/etc/passwd"}, "[lL]ocation"),
        ("import", {"Location": "s3://b/k"}, "already exists"),
    ],
)
def test_what_the_model_does_not_allow_is_refused(
    server: Server, path: str, body: dict[str, Any], words: str
) -> None:
    if not environments_exist(server, "checked"):
        make(server, "checked")
    with pytest.raises(click.ClickException, match=words) as refused:
        client_of(server).call("POST", f"/environments/checked/{path}", body)
    assert "short" not in str(refused.value), "no secret is told back"


def environments_exist(server: Server, name: str) -> bool:
    with server.db.read() as conn:
        return environments.find(conn, name) is not None


@pytest.mark.parametrize("action", ["Pause", "Resume", "Export", "Import"])
def test_a_refusal_names_action_and_resource(server: Server, action: str) -> None:
    user = as_user(server, f"nobody-{action}", "mwaa", document("airflow:GetEnvironment"))
    key = user._request_signer._credentials
    client = ApiClient(server.url, REGION, key.access_key, key.secret_key)
    arn = f"arn:aws:airflow:us-east-1:{ACCOUNT}:environment/other"
    with pytest.raises(click.ClickException, match=f"airflow:{action}Environment on resource: {arn}"):
        client.call("POST", f"/environments/other/{action.lower()}", {})
