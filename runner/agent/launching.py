"""Starting the process of an attempt: what it needs is opened, its work put into its socket, and it is forked."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

from airflow._wire import messages
from airflow._wire.frames import Message

from runner.agent.attempt import Attempt
from runner.agent.file_zygote import FileZygote
from runner.agent.interpreter import Interpreter
from runner.agent.loop import Loop
from runner.agent.stream import Stream


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
        """The pid, when it is known already (a zygote may tell it later). Raises OSError and ZygoteGone.

        The work is in the socket before the child is there to read it.
        """
        attempt.launched = True
        writer = attempt.open_pipe(self._loop)
        bundle_path = str(self._bundle_path(attempt.workload.bundle))
        work = messages.work(attempt.data, bundle_path, self._settings)
        if zygote is not None:
            return self._hand_over(attempt, zygote, work, [writer, lock], on_message, on_hang_up)
        try:
            ours, its = socket.socketpair()
            with its:
                attempt.stream = Stream(self._loop, ours, on_message, on_hang_up)
                attempt.stream.send(work)
                return self._interpreter.spawn("run", its.fileno(), writer, lock)
        finally:
            os.close(writer)

    def _hand_over(
        self, attempt: Attempt, zygote: FileZygote, work: Message, fds: list[int],
        on_message: Callable[[Message], None], on_hang_up: Callable[[str], None],
    ) -> int | None:  # fmt: skip
        """Give the work to the zygote's spare, and have the next one forked when it was the last."""
        spare = zygote.take_spare(self._loop, attempt.id)
        if spare is None:
            os.close(fds[0])
            attempt.close_pipe(self._loop)
            attempt.launched = False
            raise ZygoteGone
        attempt.stream = spare.stream
        spare.stream.hand_over(on_message, on_hang_up)
        spare.stream.send(work, fds, fds[:1])
        zygote.keep_spares(self._loop)
        return spare.pid
