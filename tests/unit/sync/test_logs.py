"""Task logs: what is appended is readable, whatever the store and the process do meanwhile."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import log_shipping
from sync.free_files import FreeFiles, rewrite
from sync.log_files import find_local, key_of, local_path
from sync.log_shipping import Pace, match_parts, plan_parts
from sync.log_spool import Log, Spool
from sync.logs import LogNotFound, LogStore, iter_log, mark_dropped, read_log
from sync.objects import ObjectStoreError
from tests.fakes.object_store import FakeObjectStore

KEY = "dag_id=d/run_id=r/task_id=t/attempt=1"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_shipping, "KEEP_SECONDS", 0.0)
    monkeypatch.setattr(log_shipping, "_QUIET_SECONDS", 0.01)
    monkeypatch.setattr(log_shipping, "_TICK_SECONDS", 0.01)
    monkeypatch.setattr(log_shipping, "_LONGEST_BACKOFF", 0.05)


@pytest.fixture
def bucket() -> FakeObjectStore:
    return FakeObjectStore()


@pytest.fixture
def logs(bucket: FakeObjectStore, tmp_path: Path) -> Iterator[LogStore]:
    store = LogStore(tmp_path, bucket)
    yield store
    store.stop(1)


def eventually(holds: Callable[[], bool]) -> None:
    """Poll a condition that another thread will make true."""
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        threading.Event().wait(0.005)


def is_empty(directory: Path) -> bool:
    """No log is left, nor a folder of one."""
    return [path.name for path in directory.iterdir()] == [".free"]


def fail_with(code: str) -> Callable[[str, str], None]:
    def fault(operation: str, key: str) -> None:
        raise ObjectStoreError(code, f"cannot {operation} {key}: {code}")

    return fault


def test_a_log_is_readable_from_its_first_byte_to_long_after(
    logs: LogStore, bucket: FakeObjectStore, tmp_path: Path
) -> None:
    with pytest.raises(LogNotFound):
        read_log(bucket, tmp_path, KEY)
    logs.append(KEY, b"one\n")
    assert read_log(bucket, tmp_path, KEY) == b"one\n"
    logs.start()
    logs.append(KEY, b"two\n")
    logs.close(KEY)
    eventually(lambda: is_empty(tmp_path))
    assert bucket.objects == {f"{KEY}/part-00001.log": b"one\ntwo\n"}
    assert read_log(bucket, tmp_path, KEY, start=2) == b"e\ntwo\n"
    assert logs.lag().pending_bytes == 0


def test_a_reader_never_sees_the_log_that_uses_the_file_again(
    logs: LogStore, bucket: FakeObjectStore, tmp_path: Path
) -> None:
    first, second = b"a" * (1 << 20) + b"the end of the first", b"b" * (3 << 20)
    logs.append(KEY, first)
    reading = iter_log(bucket, tmp_path, KEY)
    seen = next(reading)
    number = local_path(tmp_path, KEY).stat().st_ino
    logs.start()
    logs.close(KEY)
    eventually(lambda: not local_path(tmp_path, KEY).exists())
    other = KEY.replace("attempt=1", "attempt=2")
    logs.append(other, second)
    assert local_path(tmp_path, other).stat().st_ino == number
    assert seen + b"".join(reading) == first
    assert read_log(bucket, tmp_path, other) == second


@pytest.mark.parametrize("data", [b"", b"short", b"longer than it was"])
def test_a_file_that_is_used_again_holds_the_new_bytes_and_no_others(tmp_path: Path, data: bytes) -> None:
    free = FreeFiles(tmp_path / ".free")
    (tmp_path / "old").write_bytes(b"what it held")
    free.give(tmp_path / "old")
    path = free.take()
    assert path is not None and free.take() is None
    file = os.open(path, os.O_WRONLY)
    assert rewrite(file, data) == len(data)
    os.write(file, b"!")
    os.close(file)
    assert Path(path).read_bytes() == data + b"!"


def test_a_running_log_goes_in_parts_when_they_are_large_or_old(
    bucket: FakeObjectStore, tmp_path: Path
) -> None:
    logs = LogStore(tmp_path, bucket, part_bytes=100, part_seconds=0.1)
    logs.start()
    logs.append(KEY, b"x" * 120)
    eventually(lambda: len(bucket.objects) == 1)
    logs.append(KEY, b"y")
    eventually(lambda: len(bucket.objects) == 2)
    assert local_path(tmp_path, KEY).read_bytes() == b"x" * 120 + b"y"
    logs.close(KEY)
    eventually(lambda: is_empty(tmp_path))
    assert b"".join(iter_log(bucket, tmp_path, KEY, start=119)) == b"xy"
    assert logs.stop(1)


def test_logs_stay_here_while_the_store_is_away_and_go_when_it_is_back(
    logs: LogStore, bucket: FakeObjectStore, tmp_path: Path
) -> None:
    bucket.fault = fail_with("unreachable")
    logs.start()
    keys = [f"dag_id=d/task_id=t{n}/attempt=1" for n in range(20)]
    for key in keys:
        logs.append(key, key.encode())
        logs.close(key)
    eventually(lambda: logs.lag().error is not None)
    assert logs.lag().logs == 20
    assert read_log(bucket, tmp_path, keys[3]) == keys[3].encode()
    bucket.fault = lambda operation, key: None
    eventually(lambda: logs.lag().pending_bytes == 0)
    assert logs.lag().error is None
    eventually(lambda: is_empty(tmp_path))
    assert {read_log(bucket, tmp_path, key) for key in keys} == {key.encode() for key in keys}


def test_one_log_the_store_refuses_does_not_stop_the_others(logs: LogStore, bucket: FakeObjectStore) -> None:
    def fault(operation: str, key: str) -> None:
        if "bad" in key:
            raise ObjectStoreError("unreachable", f"cannot {operation} {key}")

    bucket.fault = fault
    logs.start()
    for key in ("bad/attempt=1", "good/attempt=1", "well/attempt=1"):
        logs.append(key, b"x")
        logs.close(key)
    eventually(
        lambda: {"good/attempt=1/part-00001.log", "well/attempt=1/part-00001.log"} <= set(bucket.objects)
    )
    assert logs.lag().logs == 1


def test_many_logs_go_in_one_request_where_the_store_takes_them_together(
    logs: LogStore, bucket: FakeObjectStore, tmp_path: Path
) -> None:
    def fault(operation: str, key: str) -> None:
        if "t7/" in key:
            raise ObjectStoreError("denied", f"cannot {operation} {key}")

    bucket.together, bucket.fault = 50, fault
    bucket.objects["t3/attempt=1/part-00001.log"] = b"of an earlier try"
    keys = [f"t{n}/attempt=1" for n in range(40)]
    for key in keys:
        logs.append(key, key.encode())
        logs.close(key)
    logs.start()
    eventually(lambda: logs.lag().logs == 1)
    assert bucket.calls["put_new"] < 10
    bucket.fault = lambda operation, key: None
    eventually(lambda: is_empty(tmp_path))
    assert {bucket.objects[f"{key}/part-00001.log"] for key in keys if key[:3] != "t3/"} == {
        key.encode() for key in keys if key[:3] != "t3/"
    }
    assert bucket.objects["t3/attempt=1/part-00001.log"] == b"of an earlier try"
    assert bucket.objects["t3/attempt=1/part-00002.log"] == b"t3/attempt=1"


def test_a_request_is_full_before_it_is_large(
    logs: LogStore, bucket: FakeObjectStore, tmp_path: Path
) -> None:
    sizes: list[int] = []
    put_new = bucket.put_new

    def measure(objects: Sequence[tuple[str, bytes]]) -> Sequence[ObjectStoreError | None]:
        sizes.append(sum(len(data) for _key, data in objects))
        return put_new(objects)

    bucket.together, bucket.put_new = 50, measure  # type: ignore[method-assign]
    for n in range(8):
        logs.append(f"t{n}/attempt=1", bytes(1 << 20))
        logs.close(f"t{n}/attempt=1")
    logs.start()
    eventually(lambda: is_empty(tmp_path))
    assert sum(sizes) == 8 << 20 and max(sizes) == 2 << 20


@pytest.mark.parametrize("confirmed", [0, 1, 2])
def test_the_next_process_ships_exactly_what_is_missing(
    bucket: FakeObjectStore, tmp_path: Path, confirmed: int
) -> None:
    parts = [b"first ", b"second ", b"third"]
    path = local_path(tmp_path, KEY)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"".join(parts))
    for number, data in enumerate(parts[:confirmed], 1):
        bucket.objects[f"{KEY}/part-{number:05}.log"] = data
    logs = LogStore(tmp_path, bucket)
    logs.start()
    eventually(lambda: is_empty(tmp_path))
    assert read_log(bucket, tmp_path, KEY) == b"first second third"
    assert len(bucket.objects) == confirmed + 1
    logs.append(
        KEY, b"\nlost: the worker died"
    )  # the reason of its end, written by whoever adopts the attempt
    logs.close(KEY)
    eventually(lambda: is_empty(tmp_path))
    assert read_log(bucket, tmp_path, KEY) == b"first second third\nlost: the worker died"
    assert logs.stop(1)


def test_a_part_whose_confirmation_was_lost_is_not_sent_twice(
    logs: LogStore, bucket: FakeObjectStore
) -> None:
    real = bucket.put
    lost: list[str] = []

    def put(key: str, data: bytes, if_none_match: bool = False) -> str:
        etag = real(key, data, if_none_match)
        if not lost:
            lost.append(key)
            raise ObjectStoreError("unreachable", "cannot hear the answer")
        return etag

    bucket.put = put  # type: ignore[method-assign]
    logs.start()
    logs.append(KEY, b"abc")
    logs.close(KEY)
    eventually(lambda: bool(lost) and logs.lag().pending_bytes == 0)
    assert bucket.objects == {f"{KEY}/part-00001.log": b"abc"}


def test_a_full_spool_drops_bytes_says_how_many_and_goes_on(bucket: FakeObjectStore, tmp_path: Path) -> None:
    logs = LogStore(tmp_path, bucket, cap_bytes=10)
    logs.append(KEY, b"12345678")
    logs.append(KEY, b"lost!")
    logs.start()
    logs.close(KEY)
    eventually(lambda: is_empty(tmp_path))
    assert read_log(bucket, tmp_path, KEY) == b"12345678" + mark_dropped(5)
    assert logs.stop(1)


def test_a_full_disk_never_raises_and_is_accounted_for(
    bucket: FakeObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path, 1000, mark_dropped)

    def full(file: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("sync.log_spool.os.write", full)
        spool.append(KEY, b"abc")
        spool.append(KEY, b"defg")
    spool.append(KEY, b"back")
    spool.close(KEY)
    assert local_path(tmp_path, KEY).read_bytes() == mark_dropped(7) + b"back"


def test_more_logs_than_open_files_lose_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 1 << 20, mark_dropped)
    for line in range(3):
        for n in range(150):
            spool.append(f"t{n}/attempt=1", b"%d" % line)
    assert {local_path(tmp_path, f"t{n}/attempt=1").read_bytes() for n in range(150)} == {b"012"}
    spool.close_files()


names = st.text(
    st.characters(exclude_characters="/~\0", exclude_categories=("Cs", "Cc")), min_size=1, max_size=250
)


@given(st.lists(names.filter(lambda name: name not in (".", "..")), min_size=1, max_size=4))
def test_a_key_of_any_length_comes_back_from_its_file(parts: list[str]) -> None:
    root, key = Path("/r"), "/".join(parts)
    path = local_path(root, key)
    assert all(len(name.encode()) <= 255 for name in path.parts)
    assert key_of(path.relative_to(root).as_posix().removesuffix(".log")) == key


@pytest.mark.parametrize("key", ["", "/a", "a//b", "../a", "a/../b", "a/~b", "a\0b"])
def test_a_key_that_is_no_plain_path_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="cannot keep a log"):
        local_path(tmp_path, key)
    assert list(find_local(tmp_path)) == []


def test_only_what_is_due_goes_while_others_write() -> None:
    def log(key: str, pending: int, age: float, closed: bool = False) -> Log:
        return Log(key, Path(key), written=pending, since=100 - age, closed=closed)

    logs = [
        log("young", 5, 1),
        log("done", 5, 1, True),
        log("old", 5, 4.1),
        log("large", 999, 0),
        log("sent", 0, 9),
    ]
    busy, quiet = Pace(900, 4.0, quiet=False), Pace(900, 4.0, quiet=True)
    assert [found.key for found in plan_parts(logs, busy, 100.0)] == ["old", "large"]
    assert [found.key for found in plan_parts(logs, quiet, 100.0)] == ["old", "done", "large"]
    assert len(plan_parts(logs, Pace(900, 4.0, quiet=False, flush=True), 100.0)) == 4


def test_parts_of_an_earlier_log_of_the_same_key_are_kept_and_not_counted() -> None:
    bucket, data = FakeObjectStore(), b"mine, whole"
    for number, part in enumerate([b"other", b"mine, "], 1):
        bucket.put(f"k/part-{number:05}.log", part)

    def digest(start: int, size: int) -> str:
        return hashlib.md5(data[start : start + size]).hexdigest()

    assert match_parts(bucket.list(), len(data), digest) == (6, 2)
