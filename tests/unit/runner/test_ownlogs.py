"""Our own log lines on their way to S3: which go where, at which level, in what pieces; and local files that end."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow._wire import jsonlog
from airflow._wire.cell import Bucket, CellSpec

from runner import ownlogs
from runner.ownlogs import AGENT, ENGINE, Routes


class Kept:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.logs: dict[str, bytes] = {}
        self.closed: list[str] = []

    def append(self, key: str, data: bytes) -> None:
        self.logs[key] = self.logs.get(key, b"") + data

    def close(self, key: str) -> None:
        self.closed.append(key)

    def events(self, folder: str) -> list[str]:
        lines = b"".join(data for key, data in self.logs.items() if key.startswith(f"{folder}/"))
        return [json.loads(line)["event"] for line in lines.splitlines()]


@pytest.fixture(autouse=True)
def loggers_as_before() -> Iterator[None]:
    root = logging.getLogger()
    names = ("", "aerodrome", "runner", "sync")
    levels = {name: logging.getLogger(name).level for name in names}
    handlers = root.handlers[:]
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def attach(tmp_path: Path, routes: Routes, **levels: str) -> Kept:
    """This process' logging as an engine's or an agent's, with these modules enabled."""
    jsonlog.configure(tmp_path / "own.log")
    bucket = Bucket("b", "")
    modules = {name: {"Enabled": True, "LogLevel": level} for name, level in levels.items()}
    spec = CellSpec("e", "3.3.1", "sqlite://", bucket, bucket, "python", "sdk", "t", logging=modules)
    kept = Kept()
    ownlogs.OwnLogs(lambda _spec: kept, routes).take_up(spec)
    return kept


def test_a_line_goes_to_the_log_of_its_module_when_that_is_enabled(tmp_path: Path) -> None:
    kept = attach(tmp_path, ENGINE, DagProcessingLogs="INFO", SchedulerLogs="INFO", WebserverLogs="INFO")
    logging.getLogger("aerodrome.dag_processor").info("parsed")
    logging.getLogger("aerodrome.api.access").info("asked")
    logging.getLogger("runner.scheduler.loop").info("scheduled")
    logging.getLogger("sync.mirror").warning("mirrored")
    logging.getLogger("runner.apiary").info("no part of the API")
    assert kept.events("DAGProcessing") == ["parsed"]
    assert kept.events("WebServer") == ["asked"]
    assert kept.events("Scheduler") == ["scheduled", "mirrored", "no part of the API"]


def test_all_lines_go_to_the_worker_log_when_the_process_is_an_agent(tmp_path: Path) -> None:
    kept = attach(tmp_path, AGENT, WorkerLogs="INFO", SchedulerLogs="INFO")
    logging.getLogger("aerodrome.agent").info("works")
    assert kept.events("Worker") == ["works"]
    assert len(kept.logs) == 1


def test_a_line_stays_here_when_its_module_is_disabled_or_its_level_is_too_low(tmp_path: Path) -> None:
    kept = attach(tmp_path, ENGINE, SchedulerLogs="ERROR", WebserverLogs="DEBUG")
    logging.getLogger("aerodrome.dag_processor").error("disabled")
    logging.getLogger("runner.scheduler.loop").warning("too low")
    logging.getLogger("runner.api.call").debug("detail")
    logging.getLogger("some.library").debug("nobody's")
    assert kept.events("DAGProcessing") == kept.events("Scheduler") == []
    assert kept.events("WebServer") == ["detail"]
    local = [json.loads(line)["event"] for line in (tmp_path / "own.log").read_text().splitlines()]
    assert local == ["disabled", "too low"]


def test_nothing_is_opened_when_no_module_is_enabled(tmp_path: Path) -> None:
    bucket = Bucket("b", "")
    spec = CellSpec("e", "3.3.1", "sqlite://", bucket, bucket, "python", "sdk", "t")
    before = logging.getLogger().handlers[:]
    shipping = ownlogs.Shipping(tmp_path / "shipping", ENGINE)
    shipping.take_up(spec)
    assert logging.getLogger().handlers == before
    assert not (tmp_path / "shipping").exists()


def test_the_next_log_begins_when_one_is_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownlogs, "ROLL_BYTES", 1000)
    kept = attach(tmp_path, ENGINE, SchedulerLogs="INFO")
    for number in range(40):
        logging.getLogger("runner.scheduler").info("line %d", number)
    assert kept.events("Scheduler") == [f"line {number}" for number in range(40)]
    assert len(kept.logs) >= 4
    assert kept.closed == list(kept.logs)[:-1]
    assert all(key.startswith("Scheduler/scheduler_") and key.endswith(".log") for key in kept.logs)


def test_a_line_is_kept_when_its_text_is_not_valid_unicode(tmp_path: Path) -> None:
    kept = attach(tmp_path, ENGINE, SchedulerLogs="INFO")
    logging.getLogger("runner.scheduler").info("half a %s \ud800", "character")
    assert kept.events("Scheduler") == ["half a character \ud800"]
    assert b"\\ud800" in next(iter(kept.logs.values()))
    assert "half a character" in (tmp_path / "own.log").read_text()


def test_a_local_log_takes_bounded_room_when_it_is_written_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "own.log"
    jsonlog.configure(path, most_bytes=10_000)
    for number in range(1000):
        logging.getLogger("runner").info("line %d", number)
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["own.log", "own.log.1"]
    assert sum(file.stat().st_size for file in files) <= 20_000
    assert json.loads(path.read_text().splitlines()[-1])["event"] == "line 999"
