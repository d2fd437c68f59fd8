"""Zygotes: single-threaded processes that have imported what their children need, and fork them.

The base zygote has the SDK; it forks file zygotes and the parse zygote. A file zygote has one DAG file of one snapshot
as well, and forks a process for each attempt. The parse zygote forks a child for each file to be parsed: what a file
does to its parent there ends no task. A zygote reports `forked` and `exited` for every child, and dies with
its parent. It runs user code only by importing it: what an import can leave behind (threads, sockets) makes the
file unsafe to fork, and it says so instead of serving.

The agent asks a file zygote for a child ahead of need and gives it its attempt directly: neither a fork nor the zygote
is on the way from one task to the next. Every attempt still has a process of its own.
"""

from __future__ import annotations

import gc
import os
import resource
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from airflow._task import child, fork, gathering, importing, logs, preload
from airflow._task.comms import Comms
from airflow._wire import messages
from airflow._wire.frames import Channel, Message

if TYPE_CHECKING:
    from airflow._task.rehearsal import Rehearsal

_CRASHED = 70
_NICE = 10


class Zygote:
    """The loop of a process that forks: answers its socket and reaps its children.

    What is in memory when it is made is what children share: collections leave it alone from then on.
    """

    def __init__(self, channel: Channel, handle: Callable[[Zygote, Message, list[int]], None]) -> None:
        self.channel = channel
        self._handle = handle
        self._ids: dict[int, str] = {}
        self._wake, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        self._ours = channel.sock.fileno(), self._wake, self._waker
        fork.reset_signals()
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        gc.collect()
        self._gaps = gathering.fill_gaps()
        gc.freeze()

    def serve(self) -> None:
        """Work until the parent closes the socket."""
        poll = select.poll()
        poll.register(self.channel.sock, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        while True:
            ready = [fd for fd, _event in poll.poll()]
            if self.channel.sock.fileno() in ready and not self._answer():
                return
            if self._wake in ready:
                os.read(self._wake, 4096)
                self.reap()

    def fork(self, id: str, body: Callable[[], None]) -> None:
        """A child that runs `body` and never returns from here; reported as `id`."""
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            run_forked(parent, self._close_ours, body)
        self._ids[pid] = id
        self.channel.send(messages.forked(id, pid))

    def reap(self) -> None:
        """Report all children that have ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            id = self._ids.pop(pid, None)
            if id is not None:
                self.channel.send(messages.exited(id, pid, status))

    def _answer(self) -> bool:
        """Handle every message that has arrived; False at the end of the stream."""
        received = self.channel.receive()
        while received is not None:
            self._handle(self, *received)
            if not self.channel.pending:
                return True
            received = self.channel.receive()
        return False

    def _close_ours(self) -> None:
        fork.ignore_children()
        for fd in self._ours:
            os.close(fd)


def run_forked(parent: int, cleanup: Callable[[], None], body: Callable[[], Any]) -> NoReturn:
    """The life of a forked child: in its own session, tied to its parent, and never back up the stack."""
    try:
        fork.die_with(parent)
        os.setsid()
        cleanup()
        body()
    except BaseException:
        traceback.print_exc()
        os._exit(_CRASHED)
    os._exit(0)


def run_base(sock: socket.socket, parent: int, environment: str) -> None:
    """The base zygote of an environment, until the agent closes the socket."""
    fork.die_with(parent)
    fork.show_title("aerodrome", "zygote", environment)
    os.nice(_NICE)  # all that it forks: what users run gives way to what starts and watches it
    fork.limit(resource.RLIMIT_CORE, 0)
    rehearsal = child.import_runtime(environment)
    gc.disable()
    channel = Channel(sock)
    zygote = Zygote(channel, lambda z, message, fds: _serve_base(z, message, fds, environment, rehearsal))
    channel.send(messages.ready([], None))
    zygote.serve()


def _serve_base(
    zygote: Zygote, message: Message, fds: list[int], environment: str, rehearsal: Rehearsal
) -> None:
    sock = socket.socket(fileno=fds[0])
    if message["kind"] == "open_file":
        where = message["bundle_path"], message["file"]
        zygote.fork(message["id"], lambda: run_file(sock, *where, environment, rehearsal))
    elif message["kind"] == "open_parser":
        zygote.fork(message["id"], lambda: run_parser(sock, environment, message["variables"]))
    sock.close()


def run_parser(sock: socket.socket, environment: str, variables: dict[str, str | None]) -> None:
    """The parse zygote, until the agent closes the socket."""
    fork.show_title("aerodrome", "zygote", environment, "(parsing)")
    for name in variables:
        os.environ.pop(name, None)
    os.environ.update({name: value for name, value in variables.items() if value is not None})
    child.rehearse_parsing()
    channel = Channel(sock)
    zygote = Zygote(channel, lambda z, message, fds: _serve_parser(z, message, fds, environment))
    channel.send(messages.ready([], None))
    zygote.serve()


def _serve_parser(zygote: Zygote, message: Message, fds: list[int], environment: str) -> None:
    sock = socket.socket(fileno=fds[0])
    if message["kind"] == "consult_file":
        zygote.fork(message["id"], lambda: child.consult(Channel(sock), message, environment))
    else:
        where = message["bundle_path"], message["file"]
        zygote.fork(message["id"], lambda: child.parse(Channel(sock), *where, environment))
    sock.close()


def run_file(
    sock: socket.socket, bundle_path: str, file: str, environment: str, rehearsal: Rehearsal
) -> None:
    """The zygote of one DAG file, until the agent closes the socket."""
    fork.show_title("aerodrome", "zygote", environment, file)
    channel = Channel(sock)
    fork.silence(1, 2)  # what imports print, again and again, has no reader
    ours = _open_files()
    try:
        with importing.asking(Comms(channel)) as asker:
            imported = child.Imported(child.load(bundle_path, file), asker.answers)
    except BaseException as error:
        channel.send(messages.broken(child.describe_import_error(error)))
        return
    unsafe = find_hazard(ours)
    if unsafe:
        channel.send(messages.ready(sorted(imported.dags), unsafe))
        return
    preload.preload_for(imported.dags)
    sys.stdout.flush()
    logs.configure()
    rehearsal.refresh()

    def prepare() -> None:
        fork.show_title("aerodrome", "spare", environment, file)
        rehearsal.run()

    zygote = Zygote(channel, lambda z, message, fds: _serve_file(z, message, fds, imported, prepare))
    channel.send(messages.ready(sorted(imported.dags), None))
    zygote.serve()


def _serve_file(
    zygote: Zygote, message: Message, fds: list[int], imported: child.Imported, prepare: Callable[[], None]
) -> None:
    (sock,) = fds
    zygote.fork(message["attempt"], lambda: child.run_forked(sock, imported, prepare))
    os.close(sock)


def find_hazard(ours: dict[str, str]) -> str | None:
    """Why this process must not be forked after an import, or None. `ours`: the files open before it."""
    try:
        threads = sum(1 for _ in Path("/proc/self/task").iterdir())
    except OSError:
        import threading

        threads = threading.active_count()
    if threads > 1:
        return f"its import started {threads - 1} thread{'s' if threads > 2 else ''}"
    new = [target for fd, target in _open_files().items() if ours.get(fd) != target]
    if any(target.startswith("socket:") for target in new):
        return "its import left a socket open"
    if any("eventpoll" in target for target in new):
        return "its import left an event loop open"
    return None


def _open_files() -> dict[str, str]:
    """Descriptor -> what it is, as far as the kernel tells."""
    found: dict[str, str] = {}
    try:
        descriptors = list(Path("/proc/self/fd").iterdir())
    except OSError:
        return found
    for path in descriptors:
        try:
            found[path.name] = str(path.readlink())
        except OSError:
            continue  # the descriptor of this listing itself
    return found
