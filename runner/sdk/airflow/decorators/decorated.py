"""The operators behind @task: a function, the arguments of one call, and how to run it."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow.exceptions import AirflowException
from airflow.models import scope
from airflow.operators.bash import BashOperator
from airflow.operators.python import BranchPythonOperator, PythonOperator, ShortCircuitOperator

CONTEXT_NAMES = frozenset(
    [
        "conf",
        "conn",
        "dag",
        "dag_run",
        "data_interval_end",
        "data_interval_start",
        "ds",
        "ds_nodash",
        "end_date",
        "exception",
        "execution_date",
        "expanded_ti_count",
        "inlet_events",
        "inlets",
        "latest_date",
        "logical_date",
        "macros",
        "map_index_template",
        "next_ds",
        "next_ds_nodash",
        "next_execution_date",
        "outlet_events",
        "outlets",
        "params",
        "prev_data_interval_end_success",
        "prev_data_interval_start_success",
        "prev_ds",
        "prev_ds_nodash",
        "prev_end_date_success",
        "prev_execution_date",
        "prev_execution_date_success",
        "prev_start_date_success",
        "run_id",
        "start_date",
        "task",
        "task_instance",
        "task_instance_key_str",
        "task_reschedule_count",
        "templates_dict",
        "test_mode",
        "ti",
        "tomorrow_ds",
        "tomorrow_ds_nodash",
        "triggering_asset_events",
        "triggering_dataset_events",
        "try_number",
        "ts",
        "ts_nodash",
        "ts_nodash_with_tz",
        "var",
        "yesterday_ds",
        "yesterday_ds_nodash",
    ]
)
"""Parameters that a function need not be given: the run's context fills them."""


class DecoratedOperator(PythonOperator):
    """A @task: called in a DAG file, run as `python_callable(*op_args, **op_kwargs)`."""

    custom_operator_name = "@task"
    template_fields: Sequence[str] = ("templates_dict", "op_args", "op_kwargs")

    def __init__(
        self, *, python_callable: Callable[..., Any], op_args: Any = (), op_kwargs: Any = None, **kwargs: Any
    ):
        check_call(python_callable, op_args, op_kwargs or {})
        super().__init__(python_callable=python_callable, op_args=op_args, op_kwargs=op_kwargs, **kwargs)


class BranchDecoratedOperator(BranchPythonOperator):
    """@task.branch."""

    custom_operator_name = "@task.branch"


class ShortCircuitDecoratedOperator(ShortCircuitOperator):
    """@task.short_circuit."""

    custom_operator_name = "@task.short_circuit"


class BashDecoratedOperator(PythonOperator):
    """@task.bash: the function returns the command, which is rendered and run."""

    custom_operator_name = "@task.bash"
    template_ext = BashOperator.template_ext
    template_fields_renderers = BashOperator.template_fields_renderers
    template_fields: Sequence[str] = ("op_args", "op_kwargs", "env", "cwd")

    def __init__(self, **kwargs: Any) -> None:
        names = ("append_env", "output_encoding", "skip_on_exit_code", "output_processor")
        self.bash_options = {name: kwargs.pop(name) for name in names if name in kwargs}
        self.env, self.cwd = kwargs.pop("env", None), kwargs.pop("cwd", None)
        if kwargs.get("multiple_outputs"):
            raise AirflowException("cannot use multiple_outputs with @task.bash: a command has one output")
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


def check_call(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Raises TypeError when a call would fail at run time: the DAG file is where that should be seen."""
    signature = inspect.signature(function)
    parameters = [
        p.replace(default=None)
        if p.name in CONTEXT_NAMES and p.default is p.empty and p.kind is not p.VAR_KEYWORD
        else p
        for p in signature.parameters.values()
    ]
    optional = False
    for index, parameter in enumerate(parameters):
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            optional = optional or parameter.default is not parameter.empty
            if optional and parameter.default is parameter.empty:
                parameters[index] = parameter.replace(kind=parameter.KEYWORD_ONLY)
    ordered = sorted(parameters, key=lambda p: p.kind)
    signature.replace(parameters=ordered).bind(*args, **kwargs)


def wants_multiple_outputs(function: Callable[..., Any]) -> bool:
    """Whether the return annotation is a dict: then each key is an XCom of its own."""
    annotation = getattr(function, "__annotations__", {}).get("return")
    if isinstance(annotation, str):
        try:
            annotation = typing.get_type_hints(function).get("return")
        except (NameError, TypeError):  # names that exist for type checkers only
            return bool(re.match(r"(typing\.)?([Dd]ict|Mapping)\b", str(annotation)))
    kind = typing.get_origin(annotation) or annotation
    return isinstance(kind, type) and issubclass(kind, Mapping)


def free_task_id(task_id: str, dag: Any, group: Any) -> str:
    """`task_id`, or with the next `__N` when the DAG has it already."""
    if dag is None:
        return task_id
    full = group.child_id if group is not None else (lambda name: name)
    if not dag.is_taken(full(task_id)):
        return task_id
    core = re.split(r"__\d+$", task_id)[0]
    number = 1
    while dag.is_taken(full(f"{core}__{number}")):
        number += 1
    return f"{core}__{number}"


def place_of(options: Mapping[str, Any]) -> tuple[Any, Any]:
    """The DAG and group a call belongs to."""
    group = options.get("task_group") or scope.current_group()
    return options.get("dag") or scope.current_dag() or (group.dag if group is not None else None), group
