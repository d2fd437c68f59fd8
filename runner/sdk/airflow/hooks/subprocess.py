"""SubprocessHook: run a command, log its output line by line, end it with the task."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from airflow.hooks.base import BaseHook


class SubprocessResult(NamedTuple):
    """How a command ended, and the last line it printed."""

    exit_code: int
    output: str


@contextmanager
def working_directory(cwd: str | None = None) -> Iterator[str]:
    """`cwd`, or a temporary directory that goes with the block."""
    if cwd is not None:
        yield cwd
        return
    with TemporaryDirectory(prefix="airflowtmp") as folder:
        yield folder


class SubprocessHook(BaseHook):
    """Runs one command at a time in a process group of its own."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sub_process: subprocess.Popen[bytes] | None = None

    def run_command(
        self,
        command: list[str],
        env: dict[str, str] | None = None,
        output_encoding: str = "utf-8",
        cwd: str | None = None,
    ) -> SubprocessResult:
        """Run it to its end. `env` None is this process's own; `cwd` None a temporary directory."""
        with working_directory(cwd) as folder:
            self.log.info("Running command: %s", command)
            self.sub_process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=env,
                process_group=0,
            )
            line = self._follow(self.sub_process, output_encoding)
            code = self.sub_process.wait()
        self.log.info("Command exited with return code %s", code)
        return SubprocessResult(code, line)

    def _follow(self, process: subprocess.Popen[bytes], encoding: str) -> str:
        """Log each line as it comes; the last one. On a time-out the pipe stays open until the command is ended."""
        line = ""
        assert process.stdout is not None  # noqa: S101 - it was asked for
        for raw in process.stdout:
            line = raw.decode(encoding, errors="backslashreplace").rstrip()
            self.log.info("%s", line)
        process.stdout.close()
        return line

    def send_sigterm(self) -> None:
        """Ask the command and what it started to end."""
        process = self.sub_process
        if process is None or process.poll() is not None:
            return
        try:
            os.killpg(process.pid, signal.SIGTERM)
        except ProcessLookupError:
            return
