"""The mirror on a virtual clock: only settled, complete snapshots; the last good one outlives failures."""

from __future__ import annotations

import random
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sync.mirror import Mirror, SyncReport
from sync.objects import ObjectStoreError
from sync.snapshot import Snapshot
from tests.fakes.object_store import FakeObjectStore, TellingStore


class World:
    """A bucket, a mirror of it and a clock that moves only when told to."""

    def __init__(self, home: Path, bucket: FakeObjectStore | None = None) -> None:
        self.home = home
        self.bucket = bucket or FakeObjectStore()
        self.now = 1000.0
        self.snapshots: list[Snapshot] = []
        self.reports: list[SyncReport] = []
        self.mirror = Mirror(
            self.bucket,
            "/dags/",
            home / "store",
            home / "bundles",
            on_snapshot=self.snapshots.append,
            on_report=self.reports.append,
            clock=lambda: self.now,
        )

    def look(self, times: int = 1) -> SyncReport:
        for _ in range(times):
            self.now += self.mirror.tick(self.now)
        return self.reports[-1]

    def upload(self, **files: bytes) -> None:
        self.bucket.objects.update({f"dags/{name}": data for name, data in files.items()})

    def settle(self) -> Snapshot:
        self.look(3)
        return self.snapshots[-1]

    def read(self, snapshot: Snapshot) -> dict[str, bytes]:
        return {p.relative_to(snapshot.path).as_posix(): p.read_bytes() for p in snapshot.path.rglob("*.py")}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def failing(code: str, operation: str = "list") -> Callable[[str, str], None]:
    def fault(called: str, key: str) -> None:
        if called == operation:
            raise ObjectStoreError(code, f"cannot {called}: {code}")

    return fault


def test_adds_changes_and_deletes_become_snapshots_and_only_changes_are_fetched(world: World) -> None:
    world.upload(**{"a.py": b"1", "d/b.py": b"2"})
    assert world.read(world.settle()) == {"a.py": b"1", "d/b.py": b"2"}
    world.bucket.calls.clear()
    world.upload(**{"a.py": b"changed", "c.py": b"3"})
    assert world.read(world.settle()) == {"a.py": b"changed", "d/b.py": b"2", "c.py": b"3"}
    assert world.bucket.calls["get"] == 2
    del world.bucket.objects["dags/d/b.py"]
    assert world.read(world.settle()) == {"a.py": b"changed", "c.py": b"3"}
    assert len(world.snapshots) == 3
    assert all(s.path.name == s.digest for s in world.snapshots)
    assert world.read(world.snapshots[0]) == {"a.py": b"1", "d/b.py": b"2"}, "an old snapshot has changed"
    assert world.reports[-1].objects == 2
    assert world.reports[-1].digest == world.snapshots[-1].digest


def test_a_change_waits_for_a_second_listing_that_agrees(world: World) -> None:
    world.upload(**{"a.py": b"1"})
    assert world.mirror.tick(0.0) == pytest.approx(0.3)
    assert world.mirror.tick(0.1) == pytest.approx(0.2), "a wake-up must not shorten the wait"
    assert world.snapshots == []
    world.upload(**{"b.py": b"2"})
    assert world.mirror.tick(0.3) == pytest.approx(0.3), "what has moved waits anew"
    assert world.snapshots == []
    assert world.mirror.tick(0.6) == pytest.approx(1.0)
    assert world.read(world.snapshots[0]) == {"a.py": b"1", "b.py": b"2"}


def test_a_store_that_tells_of_changes_is_waited_for_half_as_long(tmp_path: Path) -> None:
    bucket = TellingStore()
    world = World(tmp_path, bucket)
    world.mirror.start()
    assert bucket.listening.wait(5) and bucket.tell is not None
    bucket.tell(False)
    world.mirror.stop()
    world.upload(**{"a.py": b"1"})
    assert world.mirror.tick(0.0) == pytest.approx(0.15)
    assert world.mirror.tick(0.15) == pytest.approx(1.0)
    assert world.read(world.snapshots[-1]) == {"a.py": b"1"}
    bucket.end.set()


def test_a_slow_uploader_never_yields_a_mixture(world: World) -> None:
    """Two files must match. Gaps between uploads are any below the settling time; polls fall anywhere."""
    world.upload(**{"a.py": b"first", "b.py": b"first"})
    dice = random.Random(20)
    rounds = 400
    events: list[tuple[float, str, bytes]] = []
    at = world.now
    for version in range(rounds):
        at += dice.uniform(0.35, 3.0)
        names = dice.sample(["a.py", "b.py"], 2)
        events.append((at, names[0], b"%d" % version))
        at += dice.uniform(0.0, 0.299)
        events.append((at, names[1], b"%d" % version))
    while events:
        while events and events[0][0] <= world.now:
            _, name, data = events.pop(0)
            world.upload(**{name: data})
        before = len(world.snapshots)
        world.look()
        for snapshot in world.snapshots[before:]:
            files = world.read(snapshot)
            assert files["a.py"] == files["b.py"], f"mixed snapshot at {world.now}"
            shutil.rmtree(snapshot.path)
    assert len(world.snapshots) > rounds / 3, "the uploads must not have starved the mirror"


def test_an_object_that_changes_between_listing_and_reading_is_never_taken_for_the_listed_one(
    world: World,
) -> None:
    world.upload(**{"a.py": b"0", "b.py": b"0"})
    world.settle()

    def race(operation: str, key: str) -> None:
        if operation == "get":
            world.bucket.fault = lambda operation, key: None
            world.upload(**{"a.py": b"2", "b.py": b"2"})

    world.upload(**{"a.py": b"1", "b.py": b"1"})
    world.bucket.fault = race
    world.look(5)
    assert [world.read(s) for s in world.snapshots] == [
        {"a.py": b"0", "b.py": b"0"},
        {"a.py": b"2", "b.py": b"2"},
    ]
    assert all(report.ok for report in world.reports)


def test_an_object_that_never_matches_its_listing_is_reported_in_the_end(world: World) -> None:
    world.upload(**{"a.py": b"1"})
    world.bucket.fault = failing("changed", "get")
    assert world.look(8).code == "changed"
    assert world.snapshots == []
    world.bucket.fault = failing("none of these operations", "never")
    world.settle()
    assert world.look().ok


@pytest.mark.parametrize("code", ["unreachable", "denied", "no_such_bucket", "throttled"])
@pytest.mark.parametrize("operation", ["list", "get"])
def test_the_last_good_snapshot_outlives_a_failing_store(world: World, code: str, operation: str) -> None:
    world.upload(**{"a.py": b"1"})
    good = world.settle()
    world.bucket.fault = failing(code, operation)
    world.upload(**{"a.py": b"2"})
    report = world.look(10)
    assert (report.ok, report.code, report.digest) == (False, code, good.digest)
    assert report.message and report.message.startswith("cannot ")
    assert world.snapshots == [good]
    before = world.now
    world.look()
    assert 2.4 <= world.now - before <= 5.0, "waits between tries grow, up to five intervals"
    world.bucket.fault = failing("none of these operations", "never")
    assert world.read(world.settle()) == {"a.py": b"2"}
    assert world.reports[-1].ok


def test_the_last_file_deleted_is_an_empty_snapshot_after_a_longer_wait(world: World) -> None:
    world.upload(**{"a.py": b"1"})
    good = world.settle()
    world.bucket.objects.clear()
    began = world.now
    while len(world.snapshots) == 1:
        assert world.look().ok
        assert world.now < began + 10
    assert world.now - began >= 5.0
    assert world.bucket.calls["list"] >= 7, "it looks again and again meanwhile"
    assert (world.snapshots[-1].files, world.reports[-1].objects) == ({}, 0)
    assert good.path.exists(), "runs that began with it go on"


def test_an_emptied_folder_with_its_marker_needs_no_longer_wait(world: World) -> None:
    world.upload(**{"a.py": b"1"})
    world.settle()
    world.bucket.objects.clear()
    world.bucket.objects["dags/"] = b""
    assert world.settle().files == {}


def test_files_that_are_back_before_the_wait_is_over_never_left(world: World) -> None:
    world.upload(**{"a.py": b"1"})
    good = world.settle()
    for _ in range(5):
        world.bucket.objects.clear()
        world.look(3)
        world.upload(**{"a.py": b"1"})
        world.look(2)
    assert world.snapshots == [good]


def test_a_bucket_that_fails_while_it_is_empty_begins_the_wait_anew(world: World) -> None:
    world.upload(**{"a.py": b"1"})
    good = world.settle()
    world.bucket.objects.clear()
    for _ in range(4):
        world.bucket.fault = failing("none", "never")
        world.look(3)
        world.bucket.fault = failing("denied")
        assert world.look(3).digest == good.digest
    assert world.snapshots == [good]
    world.bucket.fault = failing("none", "never")
    world.look(9)
    assert world.snapshots[-1].files == {}


@pytest.mark.parametrize("code", ["no_such_bucket", "unreachable"])
def test_a_bucket_that_was_away_and_comes_back_empty_has_vanished_until_a_key_is_seen(
    world: World, code: str
) -> None:
    world.upload(**{"a.py": b"1"})
    good = world.settle()
    world.bucket.fault = failing(code)
    world.look(2)
    world.bucket.objects.clear()
    world.bucket.fault = failing("none", "never")
    report = world.look(20)
    assert (report.code, report.digest, world.snapshots) == ("vanished", good.digest, [good])
    world.upload(**{"a.py": b"1"})
    assert world.look().ok
    world.bucket.objects.clear()
    world.look(9)
    assert world.snapshots[-1].files == {}


def test_progress_is_kept_when_a_third_of_the_calls_fail(world: World) -> None:
    dice = random.Random(18)

    def fault(operation: str, key: str) -> None:
        if dice.random() < 0.3:
            raise ObjectStoreError("throttled", f"cannot {operation} {key}")

    world.upload(**{f"f{n}.py": b"%d" % n for n in range(100)})
    world.bucket.fault = fault
    while not world.snapshots:
        world.look()
        assert len(world.reports) < 60
    assert len(world.read(world.snapshots[0])) == 100
    assert world.bucket.calls["get"] < 100 / 0.7 * 1.3, "what was fetched must not be fetched again"


def test_truncated_bodies_never_become_a_snapshot(world: World) -> None:
    dice = random.Random(19)
    world.bucket.spoil = lambda key, data: data[: dice.randrange(len(data))] if dice.random() < 0.05 else data
    for version in range(100):
        files = {f"f{n}.py": b"%d-%d" % (version, n) for n in range(10)}
        world.upload(**files)
        before = len(world.snapshots)
        while len(world.snapshots) == before:
            world.look()
        assert world.read(world.snapshots[-1]) == files
        shutil.rmtree(world.snapshots[-1].path)


def test_hostile_keys_are_reported_and_the_rest_goes_on(world: World) -> None:
    world.upload(**{"good.py": b"1", "../evil.py": b"2", "/etc/x": b"3", "a\0b": b"4", "dir/": b""})
    snapshot = world.settle()
    assert world.read(snapshot) == {"good.py": b"1"}
    assert sorted(key for key, _ in snapshot.refused) == ["dags/../evil.py", "dags//etc/x", "dags/a\0b"]
    world.upload(**{"../later.py": b"5"})
    assert len(world.look(3).refused) == 4
    assert world.snapshots == [snapshot], "a refused key makes no new snapshot"
    assert not list(world.home.rglob("*evil*"))


def test_a_new_process_goes_on_without_its_bucket(world: World, tmp_path: Path) -> None:
    world.upload(**{"a.py": b"1"})
    good = world.settle()
    later = World(tmp_path, world.bucket)
    later.bucket.fault = failing("unreachable")
    later.mirror.restore()
    assert later.snapshots == [good]
    assert later.look().digest == good.digest
    later.bucket.fault = failing("none of these operations", "never")
    later.bucket.calls.clear()
    later.look(3)
    assert later.bucket.calls["get"] == 0
    assert later.snapshots == [good], "the same content is not news"


@pytest.mark.parametrize("damage", ["pointer", "bundle", "other digest"])
def test_a_damaged_memory_is_rebuilt_from_the_bucket(world: World, tmp_path: Path, damage: str) -> None:
    world.upload(**{"a.py": b"1"})
    good = world.settle()
    pointer = tmp_path / "store" / "snapshot.json"
    if damage == "bundle":
        shutil.rmtree(good.path)
    else:
        text = pointer.read_text()
        pointer.write_text(text[:-5] if damage == "pointer" else text.replace(good.digest[:8], "0" * 8))
    later = World(tmp_path, world.bucket)
    later.mirror.restore()
    assert later.snapshots == []
    assert later.read(later.settle()) == {"a.py": b"1"}


def test_equal_content_uploaded_again_is_not_news(world: World) -> None:
    world.upload(**{"a.py": b"1", "b.py": b"2"})
    first = world.settle()
    world.upload(**{"a.py": b"other"})
    world.settle()
    world.upload(**{"a.py": b"1"})
    assert world.settle().digest == first.digest
    assert len(world.snapshots) == 3


def test_a_callback_that_fails_is_called_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    calls: list[str] = []

    def on_snapshot(snapshot: Snapshot) -> None:
        calls.append(snapshot.digest)
        if len(calls) == 1:
            raise RuntimeError("not now")

    world.mirror = Mirror(
        world.bucket,
        "dags",
        tmp_path / "s",
        tmp_path / "b",
        on_snapshot=on_snapshot,
        on_report=world.reports.append,
    )
    world.upload(**{"a.py": b"1"})
    assert world.look(2).code == "internal"
    assert world.look(3).ok
    assert calls == [calls[0]] * 2


def test_a_full_disk_is_reported_and_heals(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.upload(**{"a.py": b"1"})
    with monkeypatch.context() as patched:

        def full(file: int) -> None:
            raise OSError(28, "No space left on device")

        patched.setattr("sync.materialise.os.fsync", full)
        report = world.look(2)
        assert (report.code, world.snapshots) == ("local", [])
        assert "No space left" in str(report.message)
    assert world.read(world.settle()) == {"a.py": b"1"}


def test_contents_that_were_taken_away_are_fetched_again(world: World) -> None:
    world.upload(**{"a.py": b"1", "b.py": b"2"})
    first = world.settle()
    for blob in (world.home / "store").glob("??/*"):
        blob.unlink()
    world.upload(**{"a.py": b"3"})
    assert world.look(2).code == "local"
    assert world.read(world.settle()) == {"a.py": b"3", "b.py": b"2"}
    assert world.read(first) == {"a.py": b"1", "b.py": b"2"}


def test_collecting_never_takes_the_snapshot_in_force(world: World) -> None:
    world.upload(**{"a.py": b"1"})
    old = world.settle()
    world.upload(**{"a.py": b"2"})
    new = world.settle()
    assert world.mirror.collect(set(), older_than=float("inf")) == [old.digest]
    assert world.read(new) == {"a.py": b"2"}
    world.upload(**{"a.py": b"1"})
    assert world.read(world.settle()) == {"a.py": b"1"}


def test_the_thread_announces_follows_wakes_and_stops(tmp_path: Path) -> None:
    bucket = FakeObjectStore()
    bucket.objects["dags/a.py"] = b"1"
    arrived = threading.Semaphore(0)
    looked = threading.Semaphore(0)
    mirror = Mirror(
        bucket,
        "dags",
        tmp_path / "store",
        tmp_path / "bundles",
        interval=60,
        settle=0.01,
        on_snapshot=lambda snapshot: arrived.release(),
        on_report=lambda report: looked.release(),
    )
    mirror.start()
    assert arrived.acquire(timeout=10)
    bucket.objects["dags/a.py"] = b"2"
    mirror.wake()
    assert arrived.acquire(timeout=10), "a wake-up must not wait for the interval"
    mirror.stop()
    assert not mirror._thread.is_alive()
