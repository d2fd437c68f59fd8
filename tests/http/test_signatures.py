"""Who may call, through boto3 and on the wire: AWS's own codes, always 403, never 500."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import botocore.auth
import botocore.crt.auth
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from control_plane.store import principals
from control_plane.store.keys import create_key
from control_plane.store.vault import open_vault
from tests.http.serving import ACCOUNT, MINIMAL, PLAIN, Server, code, make, refused


def test_wrong_secret_is_refused(server: Server) -> None:
    error = refused(server.client(aws_secret_access_key="x" * 40).list_environments)
    assert code(error) == ("InvalidSignatureException", 403)


def test_unknown_key_is_refused(server: Server) -> None:
    error = refused(server.client(aws_access_key_id="AKIA" + "X" * 16).list_environments)
    assert code(error) == ("UnrecognizedClientException", 403)


def test_unsigned_request_is_refused(server: Server) -> None:
    error = refused(server.client(config=PLAIN.merge(Config(signature_version=UNSIGNED))).list_environments)
    assert code(error) == ("MissingAuthenticationToken", 403)


def test_session_token_with_a_permanent_key_is_refused(server: Server) -> None:
    error = refused(server.client(aws_session_token="made-up").list_environments)
    assert code(error) == ("UnrecognizedClientException", 403)


def test_other_region_is_refused(server: Server) -> None:
    error = refused(server.client(region_name="eu-west-1").list_environments)
    assert code(error) == ("InvalidSignatureException", 403)


@pytest.mark.parametrize(
    ("minutes", "fine"), [(-4, True), (4, True), (-6, False), (6, False), (60 * 24, False)]
)
def test_skewed_clock(server: Server, monkeypatch: pytest.MonkeyPatch, minutes: int, fine: bool) -> None:
    now = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=minutes)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: now.replace(tzinfo=None))
    monkeypatch.setattr(botocore.crt.auth, "get_current_datetime", lambda **_kwargs: now)
    client = server.client()
    if fine:
        assert "Environments" in client.list_environments()
    else:
        error = refused(client.list_environments)
        assert code(error) == ("RequestExpired", 403)
        assert error.response["ResponseMetadata"]["HTTPHeaders"]["date"]


def tampering(server: Server, **changes: Any) -> Any:
    """A client whose requests are changed after they were signed."""
    client = server.client()

    def change(request: Any, **_: Any) -> None:
        for name, value in changes.items():
            setattr(request, name, value(getattr(request, name)))

    client.meta.events.register("before-send", change)
    return client


def test_tampered_body_is_refused(server: Server) -> None:
    client = tampering(server, body=lambda body: body.replace(b"dags", b"DAGS"))
    assert code(refused(client.create_environment, Name="tampered", **MINIMAL)) == (
        "InvalidSignatureException",
        403,
    )
    assert code(refused(server.client().get_environment, Name="tampered"))[1] == 404


def test_tampered_url_and_method_are_refused(server: Server) -> None:
    make(server, "target")
    for change in ({"url": lambda url: url.replace("other", "target")}, {"method": lambda _: "DELETE"}):
        error = refused(tampering(server, **change).get_environment, Name="other")
        assert code(error) == ("InvalidSignatureException", 403)
    assert server.client().get_environment(Name="target")["Environment"]["Status"] == "AVAILABLE"


def test_both_host_forms_are_answered(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the prefix clients sign and call api.<host>; here that name leads to the same server."""
    import socket

    real = socket.getaddrinfo
    asked = []

    def resolve(host: Any, *arguments: Any, **options: Any) -> Any:
        asked.append(host)
        return real("127.0.0.1" if str(host).endswith("aerodrome.test") else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    make(server, "hosted")
    client = server.client(endpoint_url=f"http://aerodrome.test:{server.port}", config=Config())
    assert client.get_environment(Name="hosted")["Environment"]["Name"] == "hosted"
    assert client.invoke_rest_api(Name="hosted", Path="/dags", Method="GET")["RestApiStatusCode"] == 200
    assert {"api.aerodrome.test", "env.aerodrome.test"} <= set(asked)


def test_caller_without_permissions_is_denied_in_words_clients_know(server: Server, tmp_path: Path) -> None:
    make(server, "guarded")
    vault = open_vault(Path(str(server.db.engine.url.database)).parent / "master.key")
    with server.db.begin() as conn:
        guest = principals.make("user", ACCOUNT, "guest", time.time())
        principals.insert(conn, guest)
        key = create_key(conn, vault, guest.id, time.time())
    client = server.client(aws_access_key_id=key.access_key_id, aws_secret_access_key=key.secret_access_key)
    error = refused(client.delete_environment, Name="guarded")
    assert code(error) == ("AccessDeniedException", 403)
    assert "not authorized to perform: airflow:DeleteEnvironment on resource: arn:aws:airflow" in str(error)
    with pytest.raises(ClientError, match="Airflow role"):
        client.invoke_rest_api(Name="guarded", Path="/dags", Method="GET")


def test_awscli_works_with_environment_variables_alone(server: Server, tmp_path: Path) -> None:
    aws = Path(sys.executable).parent / "aws"
    if not aws.exists():
        pytest.skip(f"awscli is not installed beside {sys.executable}")
    make(server, "from-cli")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": server.credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": server.credentials.secret_access_key,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_MWAA": server.url,
        "AWS_ENDPOINT_URL_IAM": server.url,
        "AWS_ENDPOINT_URL_STS": server.url,
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(aws), *arguments]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=100, check=False
        )

    done = run("mwaa", "get-environment", "--name", "from-cli")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["Environment"]["Status"] == "AVAILABLE"
    missing = run("mwaa", "get-environment", "--name", "nobody")
    assert missing.returncode != 0
    assert "ResourceNotFoundException" in missing.stderr
    assert run("iam", "create-user", "--user-name", "from-awscli").returncode == 0
    who = json.loads(run("sts", "get-caller-identity").stdout)
    assert who["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/admin"
