"""The operators behind @task: a function, the arguments of one call, and how to run it."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow.decorators.calls import check_call
from airflow.exceptions import AirflowException
from airflow.models.baseoperator import BaseOperator
from airflow.operators.python import BranchPythonOperator, PythonOperator, ShortCircuitOperator
from airflow.utils.operator_helpers import determine_kwargs

_OWN_DECORATORS = ("task", "setup", "teardown", "airflow", "dag")


class DecoratedOperator(BaseOperator):
    """What every @task variant derives from, beside the operator that it makes of the function.

    `kwargs_to_upstream`: arguments that the other base takes as well. Raises TypeError for a call that cannot work.
    """

    template_fields: Sequence[str] = ("op_args", "op_kwargs")
    template_fields_renderers = {"op_args": "py", "op_kwargs": "py"}
    shallow_copy_attrs: Sequence[str] = ("python_callable",)

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        task_id: str,
        op_args: Any = None,
        op_kwargs: Mapping[str, Any] | None = None,
        kwargs_to_upstream: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        check_call(python_callable, op_args or (), op_kwargs or {})
        self.python_callable = python_callable
        self.op_args, self.op_kwargs = op_args or (), op_kwargs or {}
        super().__init__(task_id=task_id, **(kwargs_to_upstream or {}), **kwargs)

    def execute(self, context: Any) -> Any:
        return self._handle_output(super().execute(context))

    def _handle_output(self, return_value: Any) -> Any:
        return return_value

    def determine_kwargs(self, context: Mapping[str, Any]) -> Mapping[str, Any]:
        """What of the context the function takes."""
        return determine_kwargs(self.python_callable, self.op_args, context)

    def get_python_source(self) -> str:
        """The function's source without our decorators, for operators that run it elsewhere."""
        return plain_source(self.python_callable)


class PythonDecoratedOperator(DecoratedOperator, PythonOperator):
    """@task: run as `python_callable(*op_args, **op_kwargs)`."""

    custom_operator_name = "@task"
    template_fields: Sequence[str] = ("templates_dict", "op_args", "op_kwargs")

    def __init__(
        self, *, python_callable: Any, op_args: Any = None, op_kwargs: Any = None, **kwargs: Any
    ) -> None:
        call = {"python_callable": python_callable, "op_args": op_args, "op_kwargs": op_kwargs}
        super().__init__(kwargs_to_upstream=call, **call, **kwargs)


class BranchDecoratedOperator(PythonDecoratedOperator, BranchPythonOperator):
    """@task.branch."""

    custom_operator_name = "@task.branch"


class ShortCircuitDecoratedOperator(PythonDecoratedOperator, ShortCircuitOperator):
    """@task.short_circuit."""

    custom_operator_name = "@task.short_circuit"


class StubDecoratedOperator(DecoratedOperator):
    """@task.stub: a task that a worker of another language runs; its function is empty."""

    custom_operator_name = "@task.stub"

    def execute(self, context: Any) -> Any:
        raise AirflowException(
            f"cannot run the stub {self.task_id!r} here: a worker of another language must take it from its queue"
        )


def plain_source(function: Callable[..., Any]) -> str:
    """The source of a function from its own decorators on, ours left out."""
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(function)))
    lines = source.splitlines()
    node = ast.parse(source).body[0]
    kept: list[str] = []
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        for decorator in node.decorator_list:
            if ast.unparse(decorator).partition("(")[0].partition(".")[0] not in _OWN_DECORATORS:
                kept += lines[decorator.lineno - 1 : decorator.end_lineno]
        lines = lines[node.lineno - 1 :]
    return "\n".join([*kept, *lines]) + "\n"
