"""BashOperator: one command or script in a shell of its own process group."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Container, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from airflow.exceptions import AirflowException, AirflowSkipException
from airflow.models.baseoperator import BaseOperator

GRACE = 5.0
"""Seconds between asking a command to end and killing it."""


class BashOperator(BaseOperator):
    """Runs `bash -c bash_command`; every line it prints goes to the log at once.

    The last line is the return value (through `output_processor`). `env` replaces the environment, or adds to it with
    `append_env`. `cwd` None is a temporary directory. Exit codes in `skip_on_exit_code` skip the task; any other
    than 0 fails it (AirflowException). The command and what it started end with the task.
    """

    template_fields: Sequence[str] = ("bash_command", "env", "cwd")
    template_fields_renderers = {"bash_command": "bash", "env": "json"}
    template_ext: Sequence[str] = (".sh", ".bash")
    ui_color = "#f0ede4"

    def __init__(
        self,
        *,
        bash_command: Any,
        env: dict[str, str] | None = None,
        append_env: bool = False,
        output_encoding: str = "utf-8",
        skip_exit_code: int | None = None,
        skip_on_exit_code: int | Container[int] | None = 99,
        cwd: str | None = None,
        output_processor: Callable[[str], Any] = lambda line: line,
        xcom_push: bool | None = None,
        **kwargs: Any,
    ) -> None:
        if xcom_push is not None:  # the name that do_xcom_push had in 1.10
            kwargs.setdefault("do_xcom_push", xcom_push)
        super().__init__(**kwargs)
        self.bash_command = bash_command
        self.env = env
        self.append_env = append_env
        self.output_encoding = output_encoding
        codes = skip_exit_code if skip_exit_code is not None else skip_on_exit_code
        self.skip_on_exit_code = codes if isinstance(codes, Container) else [] if codes is None else [codes]
        self.cwd = cwd
        self.output_processor = output_processor
        self._process: subprocess.Popen[bytes] | None = None

    def execute(self, context: Any) -> Any:
        if self.cwd is not None:
            return self._run(context, self._checked_cwd())
        with TemporaryDirectory(prefix="airflowtmp") as folder:
            return self._run(context, folder)

    def _checked_cwd(self) -> str:
        folder = str(self.cwd)
        if not Path(folder).exists():
            raise AirflowException(f"cannot run the command: the cwd {folder} does not exist")
        if not Path(folder).is_dir():
            raise AirflowException(f"cannot run the command: the cwd {folder} is not a directory")
        return folder

    def _environment(self, context: Any) -> dict[str, str]:
        """The command's environment, always with AIRFLOW_CTX_*."""
        from airflow.utils.operator_helpers import context_to_airflow_vars

        base = dict(os.environ) if self.env is None or self.append_env else {}
        own = {name: str(value) for name, value in (self.env or {}).items()}
        return {**base, **context_to_airflow_vars(context, in_env_var_format=True), **own}

    def _run(self, context: Any, folder: str) -> Any:
        bash = shutil.which("bash") or "bash"
        self.log.info("Running command: %s", [bash, "-c", self.bash_command])
        self._process = subprocess.Popen(
            [bash, "-c", self.bash_command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=self._environment(context),
            process_group=0,
        )
        try:
            last = self._follow(self._process)
            code = self._process.wait()
        except BaseException:
            self.on_kill()
            raise
        self.log.info("Command exited with return code %s", code)
        return self._judge(code, last)

    def _follow(self, process: subprocess.Popen[bytes]) -> str:
        """Log each line as it comes; the last one."""
        line = ""
        assert process.stdout is not None  # noqa: S101 - it was asked for
        with process.stdout as output:
            for raw in output:
                line = raw.decode(self.output_encoding, errors="backslashreplace").rstrip()
                self.log.info("%s", line)
        return line

    def _judge(self, code: int, last: str) -> Any:
        if code in self.skip_on_exit_code:
            raise AirflowSkipException(f"Bash command returned exit code {code}. Skipping.")
        if code != 0:
            raise AirflowException(f"Bash command failed. The command returned a non-zero exit code {code}.")
        return self.output_processor(last)

    def on_kill(self) -> None:
        """End the command's process group: TERM, then KILL."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        _signal_group(process.pid, signal.SIGTERM)
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            _signal_group(process.pid, signal.SIGKILL)
            process.wait()


def _signal_group(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return
