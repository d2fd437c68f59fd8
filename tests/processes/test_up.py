"""`aerodrome up` as a person and a supervisor meet it: ready line, ports, refusal, crash, stop."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import stat
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import embedded_s3
from tests.running import RunningService, aerodrome, is_alive, until


@pytest.fixture
def service(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    service = RunningService(tmp_path / "home", tmp_path_factory.getbasetemp().parent / "venvs")
    yield service
    service.close()


def test_up_serves_plain_and_tls_and_says_so_in_one_line_when_started(service: RunningService) -> None:
    service.up()
    at = service.endpoints()
    ready = next(line for line in service.said().splitlines() if line.startswith("ready in"))
    assert at["url"] in ready and at["tls_url"] in ready and at["s3_url"] in ready
    trusting = ssl.create_default_context(cafile=at["ca"])
    for url, context in ((at["url"], None), (at["tls_url"], trusting)):
        with urllib.request.urlopen(f"{url}/health", context=context, timeout=5) as answer:
            assert json.load(answer)["status"] == "healthy"
    assert service.client("mwaa").list_environments()["Environments"] == []
    for secret in ("credentials.json", "keys/master.key", "keys/ca.key", "run/control-plane.json"):
        assert stat.S_IMODE((service.home / secret).stat().st_mode) == 0o600, secret


def test_a_second_up_refuses_and_names_the_holder_when_the_home_is_taken(service: RunningService) -> None:
    service.up()
    second = aerodrome("up", "--home", str(service.home), "--port", "0")
    assert second.returncode == 1
    assert f"process {service.pid}" in second.stderr and "aerodrome down" in second.stderr
    assert len(second.stderr.strip().splitlines()) == 1


def test_up_names_port_and_option_when_another_program_has_the_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        refused = aerodrome("up", "--home", str(tmp_path), "--port", str(port))
    assert refused.returncode == 1
    assert f"127.0.0.1:{port}" in refused.stderr and "--port" in refused.stderr
    assert (
        json.loads(aerodrome("status", "--home", str(tmp_path), "--format", "json").stdout)["processes"] == []
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_up_ends_with_all_it_started_when_it_is_asked_to(
    service: RunningService, number: signal.Signals
) -> None:
    service.up()
    s3 = service.pids("s3")
    assert len(s3) == 1 and service.pids("control-plane") == {service.pid}
    assert service.stop(number) == 0
    assert not any(is_alive(pid) for pid in s3)
    assert service.status()["processes"] == []


def test_up_ends_with_all_it_started_when_it_is_asked_to_before_it_is_ready(service: RunningService) -> None:
    service.begin()
    lock = service.home / "run" / f"{embedded_s3.ROLE}.lock"
    until(lambda: lock.is_file() and "}" in lock.read_text(), 30, "the object store runs")
    assert service.stop() == 0
    assert "ready in" not in service.said()
    assert not is_alive(json.loads(lock.read_text())["pid"])


def test_ports_keys_and_buckets_are_the_same_when_it_starts_after_a_kill(service: RunningService) -> None:
    service.up()
    before, s3 = service.env(), service.pids("s3")
    service.client("s3").create_bucket(Bucket="kept")
    assert service.stop(signal.SIGKILL) == -signal.SIGKILL
    assert service.pids("s3") == s3 and service.pids("control-plane") == set()
    service.up()
    assert service.env() == before
    assert service.pids("s3") == s3
    assert [bucket["Name"] for bucket in service.client("s3").list_buckets()["Buckets"]] == ["kept"]


def test_the_object_store_is_started_again_when_it_dies(service: RunningService) -> None:
    service.up()
    (dead,) = service.pids("s3")
    os.kill(dead, signal.SIGKILL)
    until(lambda: service.pids("s3") not in (set(), {dead}), 15, "a new object store")
    assert service.client("s3").list_buckets()["Buckets"] == []


def test_down_ends_a_service_that_another_terminal_started(service: RunningService) -> None:
    service.up()
    pid = service.pid
    answer = aerodrome("down", "--home", str(service.home))
    assert answer.returncode == 0 and "stopped the service" in answer.stdout
    assert not is_alive(pid)


def test_an_idle_service_is_small_and_quiet(service: RunningService) -> None:
    service.up()
    service.client("mwaa").list_environments()
    rollup = Path(f"/proc/{service.pid}/smaps_rollup").read_text()
    pss = int(rollup.split("\nPss:")[1].split()[0]) / 1024
    assert pss <= 100, f"{pss:.0f} MB"
