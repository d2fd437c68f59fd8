"""Our own log lines in S3: those of the modules that LoggingConfiguration enables, at the levels it names.

    a record -> the logger's module -> enabled at this level? -> LogStore: Scheduler/scheduler_<host>_<epoch>.log

The local log file of the process goes on whatever is enabled here. A log is closed when it is large, and the next
one begins, so that a process that runs for years keeps only what is not shipped yet.
"""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from airflow._wire.cell import CellSpec
from airflow._wire.jsonlog import JsonFormatter

if TYPE_CHECKING:
    from sync.logs import LogStore

ROLL_BYTES = 8 << 20
CAP_BYTES = 64 << 20
"""What waits on this machine at most while the bucket is away."""
_STOP_SECONDS = 2.0
_STREAMS = {
    "DagProcessingLogs": "DAGProcessing/dag_processor",
    "SchedulerLogs": "Scheduler/scheduler",
    "WebserverLogs": "WebServer/webserver",
    "WorkerLogs": "Worker/worker",
}
_OURS = ("aerodrome", "runner", "sync")

Routes = Mapping[str, str]
"""Logger name -> the module whose log its records belong to; the longest name that fits decides, '' fits all."""

ENGINE: Routes = {
    "": "SchedulerLogs",
    "aerodrome.dag_processor": "DagProcessingLogs",
    "runner.dag_processor": "DagProcessingLogs",
    "aerodrome.api": "WebserverLogs",
    "runner.api": "WebserverLogs",
}
AGENT: Routes = {"": "WorkerLogs"}


class Sink(Protocol):
    """What is needed of a LogStore."""

    def append(self, key: str, data: bytes) -> None: ...

    def close(self, key: str) -> None: ...


@dataclass(slots=True)
class Stream:
    """One module's log: where its lines go just now."""

    name: str
    level: int
    epoch: int = 0
    key: str = ""
    size: int = 0


class ShippingHandler(logging.Handler):
    """Takes records to the streams of their modules. Nothing that goes wrong here reaches who logs."""

    def __init__(self, sink: Sink, streams: Mapping[str, Stream], routes: Routes) -> None:
        super().__init__(min((stream.level for stream in streams.values()), default=logging.CRITICAL))
        self.setFormatter(JsonFormatter())
        self._sink = sink
        self._streams = streams
        self._routes = sorted(routes.items(), key=lambda route: -len(route[0]))
        self._known: dict[str, Stream | None] = {}
        self._host = re.sub(r"[^\w.-]", "_", socket.gethostname())

    def emit(self, record: logging.LogRecord) -> None:
        """Called with the handler's lock held: one at a time."""
        stream = self._find(record.name)
        if stream is None or record.levelno < stream.level:
            return
        try:
            data = self.format(record).encode("utf-8", "backslashreplace") + b"\n"
            if not stream.key or stream.size >= ROLL_BYTES:
                self._roll(stream, int(record.created))
            stream.size += len(data)
            self._sink.append(stream.key, data)
        except Exception:
            self.handleError(record)

    def _roll(self, stream: Stream, now: int) -> None:
        if stream.key:
            self._sink.close(stream.key)
        stream.epoch = max(now, stream.epoch + 1)
        stream.key, stream.size = f"{stream.name}_{self._host}_{stream.epoch}.log", 0

    def _find(self, logger: str) -> Stream | None:
        if logger not in self._known:
            module = next(module for name, module in self._routes if _is_under(logger, name))
            self._known[logger] = self._streams.get(module)
        return self._known[logger]


def list_streams(spec: CellSpec, routes: Routes) -> dict[str, Stream]:
    """The streams that these routes lead to and that the environment has enabled, by module."""
    levels = {module: spec.log_level(module) for module in set(routes.values())}
    return {
        module: Stream(_STREAMS[module], logging.getLevelNamesMapping().get(level, logging.INFO))
        for module, level in levels.items()
        if level is not None
    }


def attach(sink: Sink, spec: CellSpec, routes: Routes) -> ShippingHandler | None:
    """Send this process's records to `sink` from now on; None when nothing is enabled."""
    streams = list_streams(spec, routes)
    if not streams:
        return None
    handler = ShippingHandler(sink, streams, routes)
    root = logging.getLogger()
    root.addHandler(handler)
    for name in _OURS:  # libraries keep the root's level: their DEBUG is nobody's log
        logging.getLogger(name).setLevel(min(root.level, handler.level))
    return handler


@contextmanager
def shipping(directory: Path, spec: CellSpec, routes: Routes) -> Iterator[None]:
    """Ship for as long as the block runs, with a LogStore of its own, which exists only when it is needed."""
    if not list_streams(spec, routes):
        yield
        return
    store = _open_store(directory, spec)
    handler = attach(store, spec, routes)
    try:
        yield
    finally:
        if handler is not None:
            logging.getLogger().removeHandler(handler)
        store.stop(_STOP_SECONDS)


def _open_store(directory: Path, spec: CellSpec) -> LogStore:
    from sync.logs import LogStore  # whoever ships nothing does not load it

    store = LogStore(directory, asdict(spec.logs), cap_bytes=CAP_BYTES)
    store.start()
    return store


def _is_under(logger: str, name: str) -> bool:
    return not name or logger == name or logger.startswith(name + ".")
