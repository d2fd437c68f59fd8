"""Zygotes: single-threaded processes that have imported what their children need, and fork them.

The base zygote has the SDK; it forks file zygotes and the parse zygote. A file zygote has one DAG file of one snapshot
as well, and forks a process for each attempt. The parse zygote forks a child for each file to be parsed: what a file
does to its parent there ends no task. A zygote reports `forked` and `exited` for every child, and dies with
its parent. It runs user code only by importing it: what an import can leave behind (threads, sockets) makes the
file unsafe to fork, and it says so instead of serving.

A file zygote that has nothing else to do keeps one *spare*: a child forked ahead, waiting for its attempt. It takes
the cost of a fork off the way from one task to the next. Every attempt still has a process of its own.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from airflow._task import child, fork, logs
from airflow._wire import frames, messages
from airflow._wire.frames import Channel, Message

if TYPE_CHECKING:
    from airflow._task.rehearsal import Rehearsal

SPARE_LIFETIME = 30.0
_CRASHED = 70
_NICE = 5


class Zygote:
    """The loop of a process that forks: answers its socket, reaps its children, and may keep a spare."""

    def __init__(self, channel: Channel, handle: Callable[[Zygote, Message, list[int]], None]) -> None:
        self.channel = channel
        self._handle = handle
        self._ids: dict[int, str] = {}
        self._wake, self._waker = os.pipe()
        self._spare: tuple[int, socket.socket] | None = None
        os.set_blocking(self._waker, False)
        fork.reset_signals()
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)

    def serve(self, spare: Callable[[socket.socket], None] | None = None) -> None:
        """Work until the parent closes the socket. `spare` is the body of a child forked ahead."""
        poll = select.poll()
        poll.register(self.channel.sock, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        wanted = spare is not None
        while True:
            timeout = 0 if wanted and self._spare is None else SPARE_LIFETIME * 1000 if self._spare else None
            ready = [fd for fd, _event in poll.poll(timeout)]
            if not ready and spare is not None:
                wanted = self._turn_idle(spare, wanted)
            if self._wake in ready:
                os.read(self._wake, 4096)
                self.reap()
            if self.channel.sock.fileno() in ready:
                wanted = spare is not None
                if not self._answer():
                    return

    def fork(self, id: str, body: Callable[[], None]) -> None:
        """A child that runs `body` and never returns from here; reported as `id`."""
        pid = self._fork(body)
        self._ids[pid] = id
        self.channel.send(messages.forked(id, pid))

    def use_spare(self, id: str, message: Message, fds: list[int]) -> bool:
        """Give the spare its attempt. False when there is none, or it has died."""
        if self._spare is None:
            return False
        (pid, sock), self._spare = self._spare, None
        try:
            frames.send(sock, message, fds)
        except OSError:
            return False
        finally:
            sock.close()
        self._ids[pid] = id
        self.channel.send(messages.forked(id, pid))
        return True

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
            elif self._spare is not None and self._spare[0] == pid:
                self._spare[1].close()
                self._spare = None

    def _answer(self) -> bool:
        """Handle every message that has arrived; False at the end of the stream."""
        received = self.channel.receive()
        while received is not None:
            self._handle(self, *received)
            if not self.channel.pending:
                return True
            received = self.channel.receive()
        return False

    def _turn_idle(self, spare: Callable[[socket.socket], None], wanted: bool) -> bool:
        """Nothing to do: fork the spare, or let it go when none was needed for long."""
        if self._spare is not None:
            self._spare[1].close()
            self._spare = None
            return False
        if wanted:
            ours, its = socket.socketpair()

            def wait_for_an_attempt() -> None:
                ours.close()
                spare(its)

            self._spare = self._fork(wait_for_an_attempt), ours
            its.close()
        return wanted

    def _fork(self, body: Callable[[], Any]) -> int:
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            run_forked(parent, self._close_ours, body)
        return pid

    def _close_ours(self) -> None:
        fork.ignore_children()
        self.channel.sock.close()
        os.close(self._wake)
        os.close(self._waker)
        if self._spare is not None:
            self._spare[1].close()


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
    rehearsal = child.import_runtime(environment)
    gc.collect()
    gc.disable()
    gc.freeze()
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
        zygote.fork(message["id"], lambda: run_parser(sock, environment))
    sock.close()


def run_parser(sock: socket.socket, environment: str) -> None:
    """The parse zygote, until the agent closes the socket."""
    fork.show_title("aerodrome", "zygote", environment, "(parsing)")
    child.rehearse_parsing()
    gc.collect()
    gc.freeze()
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
        dags = child.load(bundle_path, file)
    except BaseException as error:
        channel.send(messages.broken(child.describe_import_error(error)))
        return
    unsafe = find_hazard(ours)
    if unsafe:
        channel.send(messages.ready(sorted(dags), unsafe))
        return
    sys.stdout.flush()
    logs.configure()
    gc.collect()
    gc.freeze()
    zygote = Zygote(channel, lambda z, message, fds: _serve_file(z, message, fds, dags))
    channel.send(messages.ready(sorted(dags), None))
    zygote.serve(lambda spare: _run_spare(spare, dags, rehearsal))


def _serve_file(zygote: Zygote, message: Message, fds: list[int], dags: dict[str, Any]) -> None:
    attempt = message["attempt"]
    if not zygote.use_spare(attempt, message, fds):
        zygote.fork(attempt, lambda: child.run_forked(fds, dags))
    for fd in fds:
        os.close(fd)


def _run_spare(sock: socket.socket, dags: dict[str, Any], rehearsal: Rehearsal) -> None:
    child.settle()
    if not select.select([sock], [], [], 0)[0]:
        rehearsal.run(1)
    received = Channel(sock).receive()
    if received is None:
        os._exit(0)
    sock.close()
    child.run_forked(received[1], dags, settled=True)


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
