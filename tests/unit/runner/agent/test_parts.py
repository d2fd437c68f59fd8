"""The agent's small parts: endings, spool files, streams, environment."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest
from airflow._wire import cell, frames, messages

from runner.agent import endings, interpreter, kernel, spool
from runner.agent.loop import Loop
from runner.agent.stream import Stream


@pytest.mark.parametrize(
    ("status", "words", "facts"),
    [
        (9, "killed by SIGKILL; out of memory is the usual cause", {"signal": 9}),
        (11, "killed by SIGSEGV", {"signal": 11}),
        (64, "killed by SIGRTMAX", {"signal": 64}),
        (3 << 8, "its process exited with code 3 before it could report", {"exit_code": 3}),
    ],
)
def test_status_is_said_as_people_say_it(status: int, words: str, facts: dict[str, int]) -> None:
    assert endings.describe_status(status) == words
    assert endings.exit_facts(status) == facts


def test_last_line_carries_reason_duration_and_import_error() -> None:
    outcome = messages.outcome(
        "failed", started_at=1.0, ended_at=3.5, reason="no", details={"import_error": "Traceback"}
    )
    line = json.loads(endings.last_line(outcome, 9))
    assert (line["event"], line["level"]) == ("Task failed", "error")
    assert (line["reason"], line["signal"], line["duration"], line["error_detail"]) == (
        "no",
        "SIGKILL",
        2.5,
        "Traceback",
    )


def test_finish_keeps_what_the_child_said() -> None:
    finish = messages.finish("up_for_reschedule", until=9.0, reason="later", pid=7, started_at=2.0)
    outcome = endings.outcome_of_finish(finish, 1.0, 5.0)
    assert (outcome["state"], outcome["until"], outcome["started_at"], outcome["ended_at"]) == (
        "up_for_reschedule",
        9.0,
        2.0,
        5.0,
    )
    assert (outcome["retry"], outcome["xcoms"], outcome["lost"]) == (True, {}, False)


def test_spool_is_read_back_and_a_torn_line_is_left_out(tmp_path: Path) -> None:
    fd = spool.Spool(tmp_path).create("a", log_key="k", at=1.0)
    spool.append(fd, pid=3, started=4)
    os.write(fd, b'{"outcome": {"sta')
    record = spool.read(tmp_path / "a")
    assert (record.attempt, record.log_key, record.pid, record.started, record.outcome) == (
        "a",
        "k",
        3,
        4,
        None,
    )
    os.close(fd)


def test_spool_is_locked_until_every_copy_is_closed(tmp_path: Path) -> None:
    fd = spool.Spool(tmp_path).create("a")
    copy = os.dup(fd)
    other = os.open(tmp_path / "a", os.O_RDWR)
    os.close(fd)
    assert not kernel.try_lock(other)
    os.close(copy)
    assert kernel.try_lock(other)
    os.close(other)


def test_spool_refuses_an_attempt_that_exists(tmp_path: Path) -> None:
    os.close(spool.Spool(tmp_path).create("a"))
    with pytest.raises(FileExistsError):
        spool.Spool(tmp_path).create("a")


def test_spool_uses_the_file_of_a_forgotten_attempt_again(tmp_path: Path) -> None:
    files = spool.Spool(tmp_path)
    first = files.create("a", log_key="k", at=1.0)
    number = os.fstat(first).st_ino
    os.close(first)
    files.remove("a")
    second = files.create("b", at=2.0)
    assert os.fstat(second).st_ino == (tmp_path / "b").stat().st_ino == number
    assert not (tmp_path / "a").exists()
    record = spool.read(tmp_path / "b")
    assert (record.log_key, record.at) == (None, 2.0)
    other = os.open(tmp_path / "b", os.O_RDWR)
    assert not kernel.try_lock(other)
    os.close(other)
    os.close(second)


def test_spool_does_not_use_a_file_again_that_something_left_behind_has_open(tmp_path: Path) -> None:
    files = spool.Spool(tmp_path)
    first = files.create("a")
    left_behind = os.dup(first)
    os.close(first)
    files.remove("a")
    second = files.create("b", at=2.0)
    assert os.fstat(second).st_ino != os.fstat(left_behind).st_ino
    assert spool.read(tmp_path / "b").at == 2.0
    os.close(second)
    os.close(left_behind)


def test_child_environment_holds_no_credentials(tmp_path: Path) -> None:
    bucket = cell.Bucket("b", "", access_key_id="AKIA", secret_access_key="very secret", session_token="tok")
    spec = cell.CellSpec(
        "demo", "2.10.3", "postgresql://u:pw@h/d", bucket, bucket, "/v/bin/python", "/sdk", "cell token",
        config={"core.dags_are_paused_at_creation": "True", "celery-kube.x": "1"},
    )  # fmt: skip
    made = interpreter.of_spec(
        spec, tmp_path, {"PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "very secret", "TZ": "UTC"}
    )
    variables = made.variables
    assert not any(secret in str(variables) for secret in ("very secret", "AKIA", "tok", "pw@", "cell token"))
    assert variables["PYTHONPATH"] == "/sdk"
    assert variables["PATH"] == "/v/bin:/bin"
    assert variables["AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION"] == "True"
    assert variables["AIRFLOW__CELERY_KUBE__X"] == "1"


class Pair:
    """A stream in a loop and the other end of its socket."""

    def __init__(self) -> None:
        self.loop = Loop()
        ours, self.peer = socket.socketpair()
        self.heard: list[frames.Message] = []
        self.closed: list[str] = []
        self.stream = Stream(self.loop, ours, self.heard.append, self._on_close)

    def _on_close(self, reason: str) -> None:
        self.closed.append(reason)
        self.loop.stop()

    def run(self, seconds: float = 5) -> None:
        self.loop.after(seconds, self.loop.stop)
        self.loop.run()
        self.stream.close()
        self.loop.close()
        self.peer.close()


def test_last_words_are_heard_when_the_peer_is_gone_before_an_answer() -> None:
    pair = Pair()
    frames.send(pair.peer, {"kind": "finish"})
    pair.peer.close()
    pair.stream.send({"kind": "answer", "text": "x" * 100_000})
    pair.run()
    assert pair.heard == [{"kind": "finish"}]
    assert pair.closed == ["the connection was closed"]


def test_garbage_closes_the_stream_with_the_reason() -> None:
    pair = Pair()
    pair.peer.sendall(b"\xff" * 16)
    pair.run()
    assert "cannot read a frame" in pair.closed[0]


def test_large_message_waits_for_room_and_keeps_its_order() -> None:
    pair = Pair()
    for number in range(3):
        pair.stream.send({"n": number, "text": "x" * 300_000})
    received: list[int] = []
    buffer = frames.FrameBuffer()

    def read() -> None:
        received.extend(message["n"] for message in buffer.feed(pair.peer.recv(65536)))
        if len(received) == 3:
            pair.loop.stop()

    pair.loop.watch(pair.peer.fileno(), read)
    pair.run()
    assert received == [0, 1, 2]


def test_descriptors_are_spent_even_when_nobody_takes_them() -> None:
    pair = Pair()
    reader, writer = os.pipe()
    pair.stream.close()
    pair.stream.send({"kind": "fork"}, [writer], [writer])
    assert os.read(reader, 1) == b""
    os.close(reader)
    pair.run(0)


def test_failing_callback_does_not_end_the_loop() -> None:
    loop = Loop()
    done: list[int] = []
    loop.after(0, lambda: 1 / 0)  # type: ignore[arg-type,return-value]
    cancelled = loop.after(0.001, lambda: done.append(1))
    cancelled.cancel()
    loop.after(0.002, lambda: (done.append(2), loop.stop()))  # type: ignore[func-returns-value]
    loop.run()
    loop.close()
    assert done == [2]
