"""@task.bash. In a module of its own, for what runs commands is not worth the memory of every task's process."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from airflow.configuration import generation
from airflow.decorators.decorated import PythonDecoratedOperator
from airflow.operators.bash import BashOperator


class BashDecoratedOperator(PythonDecoratedOperator):
    """@task.bash: the function returns the command, which is rendered and run."""

    custom_operator_name = "@task.bash"
    template_ext = BashOperator.template_ext
    template_fields_renderers = BashOperator.template_fields_renderers
    renders_result = True
    """What the function returns is a template."""
    template_fields: Sequence[str] = ("op_args", "op_kwargs", "env", "cwd")

    def __init__(self, **kwargs: Any) -> None:
        names = ("append_env", "output_encoding", "skip_on_exit_code", "output_processor")
        self.bash_options = {name: kwargs.pop(name) for name in names if name in kwargs}
        self.env, self.cwd = kwargs.pop("env", None), kwargs.pop("cwd", None)
        if generation() < 3 and kwargs.pop("multiple_outputs", None):
            warnings.warn("multiple_outputs of @task.bash is ignored before 3.x", UserWarning, stacklevel=3)
        super().__init__(**kwargs)
        self._command: BashOperator | None = None

    def execute(self, context: Any) -> Any:
        command = self.execute_callable(context)
        if not isinstance(command, str) or not command.strip():
            raise TypeError(
                f"cannot run the command of {self.task_id!r}: the function must return a text that is not empty"
            )
        rendered = self.render_template(command, context)
        self._command = BashOperator(
            task_id="command", bash_command=rendered, env=self.env, cwd=self.cwd, **self.bash_options
        )
        return self._command.execute(context)

    def on_kill(self) -> None:
        if self._command is not None:
            self._command.on_kill()
