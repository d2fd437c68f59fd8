"""A cell on disk with a real agent process, and an engine that does as the test says."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from airflow._wire import cell, frames, messages
from airflow._wire.frames import FrameBuffer, Message
from airflow._wire.layout import Layout
from airflow._wire.workload import Workload

ROOT = Path(__file__).parents[2]
SDK = ROOT / "runner" / "sdk"
BUNDLE = "b" * 64
PRELUDE = """
import os, signal, subprocess, sys, time
from datetime import datetime
from airflow import DAG
from airflow.operators.python import PythonOperator

def dag(dag_id, **tasks):
    with DAG(dag_id, start_date=datetime(2024, 1, 1), schedule=None, catchup=False) as made:
        for name, call in tasks.items():
            PythonOperator(task_id=name, python_callable=call)
    return made
"""


PROGRAM = """
import sys, pathlib
from runner.agent import main, strays
main.HEARTBEAT = strays.DELAY = main.LOG_STOP = 1.0  # five seconds each, for which tests would only wait
sys.exit(main.run(pathlib.Path(sys.argv[1])))
"""


class Engine:
    """Listens where the cell's engine listens; keeps all that the agent says."""

    def __init__(self, layout: Layout, epoch: int = 1, acks: bool = True) -> None:
        self.layout, self.epoch, self.acks = layout, epoch, acks
        self.heard: list[Message] = []
        self.times: list[float] = []
        self._sock: socket.socket | None = None
        self._buffer = FrameBuffer()
        layout.engine_socket.unlink(missing_ok=True)
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(os.fspath(layout.engine_socket))
        self._server.listen()

    def accept(self, timeout: float = 10) -> Message:
        """The hello of the next connection, welcomed."""
        self._server.settimeout(timeout)
        self._sock, _ = self._server.accept()
        self._sock.settimeout(0.01)
        self._buffer = FrameBuffer()
        hello = self.wait(lambda m: m["kind"] == "hello", start=len(self.heard), timeout=timeout)
        self.send(messages.welcome(self.epoch))
        return hello

    def send(self, message: Message) -> None:
        assert self._sock is not None
        self._sock.settimeout(10)
        frames.send(self._sock, message)
        self._sock.settimeout(0.01)

    def wait(self, wanted: Callable[[Message], bool], start: int = 0, timeout: float = 20) -> Message:
        """The first message that is wanted among those heard since `start`, or that come."""
        deadline = time.monotonic() + timeout
        while True:
            for message in self.heard[start:]:
                if wanted(message):
                    return message
            start = len(self.heard)
            assert time.monotonic() < deadline, f"not heard; heard was {self.heard[-20:]}"
            assert self.listen() or self._sock is not None, f"the agent hung up; heard was {self.heard[-20:]}"

    def listen(self) -> bool:
        """Hear what there is; False when the agent has hung up."""
        assert self._sock is not None
        try:
            data = self._sock.recv(1 << 20)
        except TimeoutError:
            return True
        except OSError:
            data = b""
        now = time.time()
        for message in self._buffer.feed(data):
            self.heard.append(message)
            self.times.append(now)
            if message["kind"] == "finished" and self.acks:
                self.send(messages.ack([message["attempt"]]))
        if not data:
            self.hang_up()
        return bool(data)

    def run(self, *works: Workload) -> None:
        self.send(messages.run([work.to_message() for work in works]))

    def outcome(self, work: Workload, timeout: float = 20) -> Message:
        """How an attempt ended."""
        message = self.wait(
            lambda m: m["kind"] == "finished" and m["attempt"] == work.attempt, timeout=timeout
        )
        return message["outcome"]

    def started(self, work: Workload) -> int:
        return self.wait(lambda m: m["kind"] == "started" and m["attempt"] == work.attempt)["pid"]

    def count(self, kind: str, work: Workload) -> int:
        return sum(m["kind"] == kind and m.get("attempt") == work.attempt for m in self.heard)

    def parse(self, files: list[str], timeout: float = 20, patience: float = 60) -> dict[str, Message]:
        """The result of every file; more than one result for a file is an error."""
        start = len(self.heard)
        id = f"parse-{start}"
        self.send(messages.parse(id, BUNDLE, files, timeout))
        results: dict[str, Message] = {}
        for _ in files:
            message = self.wait(
                lambda m: m["kind"] == "parsed" and m["id"] == id and m["file"] not in results,
                start,
                patience,
            )
            results[message["file"]] = message["result"]
        assert sum(m["kind"] == "parsed" for m in self.heard[start:]) == len(files)
        return results

    def hang_up(self) -> None:
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    def close(self) -> None:
        self.hang_up()
        self._server.close()
        self.layout.engine_socket.unlink(missing_ok=True)


class Cell:
    """A home directory, one snapshot, and the agent's process."""

    def __init__(self, home: Path, sdk: Path = SDK, **options: Any) -> None:
        self.layout = Layout(home)
        self.layout.make()
        bucket = cell.Bucket(
            "none", "", endpoint="http://127.0.0.1:9", access_key_id="a", secret_access_key="b"
        )
        self.spec = cell.CellSpec(
            environment="demo", airflow_version="2.10.3", database_url="", source=bucket, logs=bucket,
            python=sys.executable, sdk=str(sdk), token="t", **options,
        )  # fmt: skip
        cell.write(self.layout.spec, self.spec)
        self.bundle = self.layout.bundle(BUNDLE)
        self.bundle.mkdir()
        self.agent: subprocess.Popen[bytes] | None = None
        self._works = 0

    def write(self, file: str, body: str) -> None:
        """A DAG file with the prelude above."""
        (self.bundle / file).write_text(PRELUDE + body)

    def work(self, task_id: str, file: str = "d.py", dag_id: str = "d", **more: Any) -> Workload:
        self._works += 1
        facts = {"try_number": 1, "max_tries": 1, "bundle": BUNDLE, "run": RUN, **more}
        return Workload(
            attempt=f"{self._works:032x}",
            dag_id=dag_id,
            run_id=f"r{self._works}",
            task_id=task_id,
            file=file,
            **facts,
        )

    def start(self) -> None:
        environ = {**os.environ, "PYTHONPATH": f"{ROOT}:{SDK}"}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        self.agent = subprocess.Popen([sys.executable, "-c", PROGRAM, str(self.layout.home)], env=environ)

    def kill(self) -> None:
        """kill -9 of the agent."""
        assert self.agent is not None
        self.agent.kill()
        self.agent.wait(10)

    def close(self) -> None:
        """End the agent, if it lives; its children end with it."""
        if self.agent is not None and self.agent.poll() is None:
            self.kill()

    def log(self, work: Workload) -> list[dict[str, Any]]:
        """The lines of an attempt's log on disk."""
        from sync.log_files import find_local

        found = dict(find_local(self.layout.task_logs)).get(work.log_key)
        return [json.loads(line) for line in found.read_text().splitlines()] if found else []

    def ended_log(self, work: Workload) -> list[dict[str, Any]]:
        """The same, once its last line is there."""
        until(lambda: any(line["logger"] == "aerodrome.agent" for line in self.log(work)))
        return self.log(work)

    def attempts(self) -> list[str]:
        """The attempts that have a file; those in `.free` are nobody's."""
        return sorted(path.name for path in self.layout.attempts.iterdir() if path.is_file())

    def zygote(self, about: str = "") -> int:
        """The pid of the base zygote, or of a file's."""
        return next(
            pid
            for pid, title in titles().items()
            if title == f"aerodrome zygote demo {about}".strip()
            and home_of(pid) == str(self.layout.home / "work")
        )


RUN: dict[str, Any] = {
    "logical_date": {"__type": "datetime", "__var": ["2024-01-01T00:00:00+00:00", "UTC"]},
    "data_interval_start": {"__type": "datetime", "__var": ["2024-01-01T00:00:00+00:00", "UTC"]},
    "data_interval_end": {"__type": "datetime", "__var": ["2024-01-01T00:00:00+00:00", "UTC"]},
    "run_after": {"__type": "datetime", "__var": ["2024-01-01T00:00:00+00:00", "UTC"]},
    "start_date": {"__type": "datetime", "__var": ["2024-01-01T00:00:00+00:00", "UTC"]},
    "run_type": "manual",
    "conf": {},
    "external_trigger": True,
}


def until(condition: Callable[[], Any], timeout: float = 15) -> Any:
    """The condition's first true value."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.005)


def titles() -> dict[int, str]:
    """pid -> command line of every process."""
    found = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                found[int(path.name)] = (path / "cmdline").read_bytes().replace(b"\0", b" ").strip().decode()
            except OSError:
                continue
    return found


def home_of(pid: int) -> str:
    """HOME in a process's environment."""
    try:
        environ = (Path("/proc") / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return ""
    return next((entry[5:].decode() for entry in environ if entry.startswith(b"HOME=")), "")


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
