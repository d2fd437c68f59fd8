from __future__ import annotations

import os
import select
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from infra import embedded_s3
from infra.locks import find_holder

ENV = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).resolve().parents[2])}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    embedded_s3.stop(tmp_path)


def test_it_serves_s3_and_is_adopted_with_its_buckets_when_asked_for_again(home: Path) -> None:
    port = embedded_s3.ensure(home, 0, ENV)
    client = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
    client.create_bucket(Bucket="code")
    client.put_object(Bucket="code", Key="dags/a b/日本.py", Body=b"x = 1")
    assert embedded_s3.ensure(home, 0, ENV) == port
    found = client.list_objects_v2(Bucket="code", Prefix="dags/")["Contents"]
    assert [entry["Key"] for entry in found] == ["dags/a b/日本.py"]
    client.close()


def test_it_starts_again_when_it_was_killed(home: Path) -> None:
    port = embedded_s3.ensure(home, 0, ENV)
    holder = find_holder(home / "run" / "s3.lock")
    assert holder is not None
    handle = os.pidfd_open(holder.pid)
    os.kill(holder.pid, signal.SIGKILL)
    select.select([handle], [], [], 10)
    os.close(handle)
    assert embedded_s3.find_port(home) is None
    assert embedded_s3.ensure(home, port, ENV) == port


def test_it_names_the_port_when_another_program_has_it(home: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(embedded_s3.CannotStart, match=f"port {port}"):
            embedded_s3.ensure(home, port, ENV)
