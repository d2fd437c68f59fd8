"""BashSensor: waits until a command succeeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.exceptions import AirflowFailException
from airflow.hooks.subprocess import SubprocessHook
from airflow.sensors.base import BaseSensorOperator


class BashSensor(BaseSensorOperator):
    """The wait is over when `bash_command` ends with 0.

    Any other exit code means "not yet"; with `retry_exit_code` only that one does, and every other fails the task for
    good. `env` replaces the environment.
    """

    template_fields: Sequence[str] = ("bash_command", "env")
    template_ext: Sequence[str] = (".sh", ".bash")

    def __init__(
        self,
        *,
        bash_command: str,
        env: Mapping[str, str] | None = None,
        output_encoding: str = "utf-8",
        retry_exit_code: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bash_command, self.env = bash_command, env
        self.output_encoding, self.retry_exit_code = output_encoding, retry_exit_code
        self._hook: SubprocessHook | None = None

    def poke(self, context: Any) -> bool:
        self._hook = SubprocessHook()
        env = None if self.env is None else dict(self.env)
        code = self._hook.run_command(["bash", "-c", self.bash_command], env, self.output_encoding).exit_code
        if code != 0 and self.retry_exit_code not in (None, code):
            raise AirflowFailException(f"Command exited with return code {code}")
        return bool(code == 0)

    def on_kill(self) -> None:
        if self._hook is not None:
            self._hook.send_sigterm()
