"""Our own log lines in S3: those of the modules that LoggingConfiguration enables, at the levels it names.

    a record -> the logger's module -> enabled at this level? -> LogStore: Scheduler/scheduler_<host>_<epoch>.log

The local log file of the process goes on whatever is enabled here. A log is closed when it is large, and the next
one begins, so that a process that runs for years keeps only what is not shipped yet.
"""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Callable, Mapping
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
        super().__init__(_lowest(streams))
        self.setFormatter(JsonFormatter())
        self._sink = sink
        self._streams = streams
        self._routes = sorted(routes.items(), key=lambda route: -len(route[0]))
        self._known: dict[str, Stream | None] = {}
        self._host = re.sub(r"[^\w.-]", "_", socket.gethostname())

    def keep(self, streams: Mapping[str, Stream]) -> None:
        """Keep these modules at these levels from now on; a log that was begun is gone on with."""
        self.acquire()
        try:
            for module, former in self._streams.items():
                if module in streams:
                    former.level = streams[module].level
                elif former.key:
                    self._sink.close(former.key)
            self._streams = {module: self._streams.get(module, stream) for module, stream in streams.items()}
            self._known = {}
            self.setLevel(_lowest(streams))
        finally:
            self.release()

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


class OwnLogs:
    """What this process logs, on its way to the bucket. `take_up` may be called again whenever the spec changes."""

    def __init__(self, open_sink: Callable[[CellSpec], Sink], routes: Routes) -> None:
        """`open_sink` is called once, when the first module is enabled."""
        self._open_sink, self._routes = open_sink, routes
        self._handler: ShippingHandler | None = None

    def take_up(self, spec: CellSpec) -> None:
        """Send the records of the modules that are enabled, at the levels they have."""
        streams = list_streams(spec, self._routes)
        root = logging.getLogger()
        if self._handler is not None:
            self._handler.keep(streams)
        elif streams:
            self._handler = ShippingHandler(self._open_sink(spec), streams, self._routes)
            root.addHandler(self._handler)
        if self._handler is not None:
            for name in _OURS:  # libraries keep the root's level: their DEBUG is nobody's log
                logging.getLogger(name).setLevel(min(root.level, self._handler.level))

    def detach(self) -> None:
        """Send nothing more."""
        if self._handler is not None:
            logging.getLogger().removeHandler(self._handler)


class Shipping:
    """Own logs with a LogStore of their own, which exists only when it is needed."""

    def __init__(self, directory: Path, routes: Routes) -> None:
        self._directory = directory
        self._store: LogStore | None = None
        self._logs = OwnLogs(self._open, routes)

    def take_up(self, spec: CellSpec) -> None:
        """Ship by this spec."""
        if self._store is not None:
            self._store.use(asdict(spec.logs))
        self._logs.take_up(spec)

    def stop(self) -> None:
        self._logs.detach()
        if self._store is not None:
            self._store.stop(_STOP_SECONDS)

    def _open(self, spec: CellSpec) -> LogStore:
        from sync.logs import LogStore  # whoever ships nothing does not load it

        self._store = LogStore(self._directory, asdict(spec.logs), cap_bytes=CAP_BYTES)
        self._store.start()
        return self._store


def _lowest(streams: Mapping[str, Stream]) -> int:
    return min((stream.level for stream in streams.values()), default=logging.CRITICAL)


def _is_under(logger: str, name: str) -> bool:
    return not name or logger == name or logger.startswith(name + ".")
