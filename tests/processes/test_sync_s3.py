"""Against a real S3 over HTTP: how soon an upload is there, and a server that goes away and comes back."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.logs import LogStore, read_log
from sync.mirror import Mirror, SyncReport
from sync.objects import ObjectStore, open_store
from sync.snapshot import Snapshot
from tests.fakes.s3_server import S3Server, running_s3


@pytest.fixture
def server() -> Iterator[S3Server]:
    with running_s3() as s3:
        s3.make_bucket("bucket")
        yield s3


class Follower:
    """A running mirror; what it says is waited for, never slept for."""

    def __init__(self, store: ObjectStore, home: Path, interval: float) -> None:
        self.snapshots: queue.Queue[Snapshot] = queue.Queue()
        self.reports: queue.Queue[SyncReport] = queue.Queue()
        self.mirror = Mirror(
            store,
            "dags",
            home / "store",
            home / "bundles",
            interval=interval,
            on_snapshot=self.snapshots.put,
            on_report=self.reports.put,
        )
        self.mirror.start()

    def wait_for(self, code: str | None, seconds: float = 20) -> SyncReport:
        deadline = time.monotonic() + seconds
        while True:
            report = self.reports.get(timeout=max(0.01, deadline - time.monotonic()))
            if report.code == code:
                return report


@pytest.mark.slow
def test_an_upload_among_a_thousand_files_is_visible_after_one_interval_and_two_listings(
    server: S3Server, tmp_path: Path
) -> None:
    store = open_store(**server.options("bucket"))
    server.seed("bucket", {f"dags/dag_{n:04}.py": f"# {n}\n" for n in range(1000)})
    follower = Follower(store, tmp_path, interval=1.0)
    first = follower.snapshots.get(timeout=60)
    assert len(first.files) == 1000
    waits = []
    for n in range(6):
        store.put(f"dags/dag_{n * 37:04}.py", b"# changed in round %d\n" % n)
        uploaded = time.monotonic()
        snapshot = follower.snapshots.get(timeout=10)
        waits.append(time.monotonic() - uploaded)
        assert (snapshot.path / f"dag_{n * 37:04}.py").read_bytes() == b"# changed in round %d\n" % n
    follower.mirror.stop()
    slowest = max(report.listed_in for report in list(follower.reports.queue))  # the server's time, not ours
    assert sorted(waits)[len(waits) // 2] <= 1.0 + 0.3 + 2 * slowest + 0.5, (
        f"{waits} with listings of {slowest}"
    )


def test_a_server_that_stops_and_comes_back_costs_nothing(server: S3Server, tmp_path: Path) -> None:
    options = server.options("bucket")
    store = open_store(**options)
    store.put("dags/a.py", b"1")
    follower = Follower(store, tmp_path, interval=0.2)
    good = follower.snapshots.get(timeout=20)
    logs = LogStore(tmp_path / "logs", {**options, "prefix": "logs"})
    logs.start()

    server.stop()
    report = follower.wait_for("unreachable")
    assert (report.ok, report.digest) == (False, good.digest)
    for n in range(50):
        logs.append(f"task=t{n}/attempt=1", b"written while the store was away")
        logs.close(f"task=t{n}/attempt=1")
    assert read_log(store, tmp_path / "logs", "task=t7/attempt=1") == b"written while the store was away"

    server.start()
    assert follower.wait_for("no_such_bucket").digest == good.digest
    server.make_bucket("bucket")
    assert follower.wait_for("vanished").digest == good.digest
    store.put("dags/a.py", b"2")
    assert (follower.snapshots.get(timeout=20).path / "a.py").read_bytes() == b"2"
    assert follower.wait_for(None).ok
    assert (good.path / "a.py").read_bytes() == b"1"
    follower.mirror.stop()
    assert logs.stop(30)
    away = open_store(**options, prefix="logs")
    texts = {read_log(away, tmp_path / "nowhere", f"task=t{n}/attempt=1") for n in range(50)}
    assert texts == {b"written while the store was away"}
