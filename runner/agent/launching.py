"""Starting the process of an attempt: what it needs is opened, its work put into its socket, and it is forked."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

from airflow._wire import messages
from airflow._wire.frames import Message

from runner.agent.attempt import Attempt
from runner.agent.interpreter import Interpreter
from runner.agent.loop import Loop
from runner.agent.stream import Stream
from runner.agent.zygotes import FileZygote


class ZygoteGone(Exception):
    """The zygote died before it was asked: nothing was started."""


class Launcher:
    """Launches attempts, from a file zygote or in an interpreter of their own."""

    def __init__(
        self, loop: Loop, interpreter: Interpreter, bundle_path: Callable[[str], Path], settings: Message
    ) -> None:
        self._loop, self._interpreter = loop, interpreter
        self._bundle_path, self._settings = bundle_path, settings

    def launch(
        self,
        attempt: Attempt,
        lock: int,
        zygote: FileZygote | None,
        on_message: Callable[[Message], None],
        on_hang_up: Callable[[str], None],
    ) -> int | None:
        """The pid, when it is known already (a zygote tells it later). Raises OSError and ZygoteGone.

        The work is in the socket before the child is there to read it.
        """
        ours, its = socket.socketpair()
        attempt.stream = Stream(self._loop, ours, on_message, on_hang_up)
        attempt.launched = True
        child = its.detach()
        try:
            writer = attempt.open_pipe(self._loop)
        except OSError:
            os.close(child)
            raise
        bundle_path = str(self._bundle_path(attempt.workload.bundle))
        attempt.stream.send(messages.work(attempt.data, bundle_path, self._settings))
        if zygote is not None:
            if not zygote.fork(attempt.id, [child, writer, lock], [child, writer]):
                self._undo(attempt)
                raise ZygoteGone
            return None
        try:
            return self._interpreter.spawn("run", child, writer, lock)
        finally:
            os.close(child)
            os.close(writer)

    def _undo(self, attempt: Attempt) -> None:
        attempt.close_pipe(self._loop)
        if attempt.stream is not None:
            attempt.stream.close()
            attempt.stream = None
        attempt.launched = False
