"""The embedded store as a process: adopted, killed, started again with all it had, stopped."""

from __future__ import annotations

import os
import select
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import embedded_s3
from tests.fakes.own_s3 import OwnS3


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[OwnS3]:
    store = OwnS3(tmp_path)
    yield store
    store.stop()
    store.database.close()


def test_it_is_adopted_with_its_buckets_when_asked_for_again(s3: OwnS3) -> None:
    s3.start()
    port, pid = s3.port, s3.pid
    client = s3.client()
    client.create_bucket(Bucket="code")
    client.put_object(Bucket="code", Key="dags/a b/日本.py", Body=b"x = 1")
    s3.start()
    assert (s3.port, s3.pid) == (port, pid)
    found = client.list_objects_v2(Bucket="code", Prefix="dags/")["Contents"]
    assert [entry["Key"] for entry in found] == ["dags/a b/日本.py"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_has_all_that_it_acknowledged_when_it_starts_after_an_end(
    s3: OwnS3, number: signal.Signals
) -> None:
    s3.start()
    port = s3.port
    s3.client().create_bucket(Bucket="code")
    for turn in range(20):
        s3.client().put_object(Bucket="code", Key=f"k{turn}", Body=b"%d" % turn * 1000)
    handle = os.pidfd_open(s3.pid)
    os.kill(s3.pid, number)
    select.select([handle], [], [], 10)
    os.close(handle)
    assert embedded_s3.find_port(s3.home) is None
    s3.start()
    assert s3.port == port
    for turn in range(20):
        got = s3.client().get_object(Bucket="code", Key=f"k{turn}")["Body"].read()
        assert got == b"%d" % turn * 1000


def test_it_names_the_port_when_another_program_has_it(s3: OwnS3) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        s3.port = port = other.getsockname()[1]
        with pytest.raises(embedded_s3.CannotStart, match=f":{port}"):
            s3.start()


def test_requests_under_way_are_finished_when_it_is_asked_to_stop(s3: OwnS3) -> None:
    s3.start()
    s3.client().create_bucket(Bucket="code")
    url = s3.client().generate_presigned_url("put_object", Params={"Bucket": "code", "Key": "slow"})
    target = url.removeprefix(s3.endpoint)
    with socket.create_connection(("127.0.0.1", s3.port), 10) as raw:
        raw.sendall(f"PUT {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n".encode())
        raw.sendall(b"a" * 50000)
        handle = os.pidfd_open(s3.pid)
        os.kill(s3.pid, signal.SIGTERM)
        raw.sendall(b"b" * 50000)
        assert raw.recv(15) == b"HTTP/1.1 200 OK"
    select.select([handle], [], [], 10)
    os.close(handle)
    s3.start()
    assert s3.client().head_object(Bucket="code", Key="slow")["ContentLength"] == 100000
