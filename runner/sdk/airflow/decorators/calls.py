"""The call of a @task function in a DAG file: whether it can work, and what the task is called."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow.models import scope

_CONTEXT = """
    conf conn dag dag_run data_interval_end data_interval_start ds ds_nodash end_date exception execution_date
    expanded_ti_count inlet_events inlets latest_date logical_date macros map_index_template next_ds next_ds_nodash
    next_execution_date outlet_events outlets params prev_data_interval_end_success prev_data_interval_start_success
    prev_ds prev_ds_nodash prev_end_date_success prev_execution_date prev_execution_date_success
    prev_start_date_success run_id start_date task task_instance task_instance_key_str task_reschedule_count
    templates_dict test_mode ti tomorrow_ds tomorrow_ds_nodash triggering_asset_events triggering_dataset_events
    try_number ts ts_nodash ts_nodash_with_tz var yesterday_ds yesterday_ds_nodash
"""
CONTEXT_NAMES = frozenset(_CONTEXT.split())
"""Parameters that a function need not be given: the run's context fills them."""
_NEWER = frozenset({"partition_key", "partition_date"})
"""Likewise since 3.3; a function of older days may have parameters of these names with defaults of its own."""


def check_call(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Raises TypeError when a call would fail at run time: the DAG file is where that should be seen.

    Raises ValueError for a name of the context with a default of its own: it would never be used.
    """
    signature = inspect.signature(function)
    parameters = [_optional(parameter) for parameter in signature.parameters.values()]
    optional = False
    for index, parameter in enumerate(parameters):
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            optional = optional or parameter.default is not parameter.empty
            if optional and parameter.default is parameter.empty:
                parameters[index] = parameter.replace(kind=parameter.KEYWORD_ONLY)
    ordered = sorted(parameters, key=lambda p: p.kind)
    signature.replace(parameters=ordered).bind(*args, **kwargs)


def _optional(parameter: inspect.Parameter) -> inspect.Parameter:
    """The parameter, made optional when the context can fill it."""
    if parameter.name in _NEWER and parameter.default is parameter.empty:
        return parameter.replace(default=None)
    if parameter.name not in CONTEXT_NAMES or parameter.kind in (
        parameter.VAR_KEYWORD,
        parameter.VAR_POSITIONAL,
    ):
        return parameter
    if parameter.default not in (None, parameter.empty):
        raise ValueError(
            f"cannot use the context's name {parameter.name!r} with the default {parameter.default!r}: only None"
        )
    return parameter.replace(default=None)


def fill_from_defaults(
    function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], defaults: Mapping[str, Any]
) -> dict[str, Any]:
    """`kwargs` with what default_args say for parameters of the function that the call left out."""
    parameters = list(inspect.signature(function).parameters.values())
    named = [p.name for p in parameters[len(args) :] if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return {**{name: defaults[name] for name in named if name in defaults}, **kwargs}


def wants_multiple_outputs(function: Callable[..., Any]) -> bool:
    """Whether the return annotation is a dict: then each key is an XCom of its own."""
    annotation = getattr(function, "__annotations__", {}).get("return")
    if isinstance(annotation, str):
        try:
            annotation = typing._eval_type(  # type: ignore[attr-defined]
                typing.ForwardRef(annotation), getattr(function, "__globals__", {}), {}
            )
        except (NameError, TypeError, SyntaxError, AttributeError):  # names that exist for type checkers only
            return False
    kind = typing.get_origin(annotation) or annotation
    return isinstance(kind, type) and issubclass(kind, Mapping)


def free_task_id(task_id: str, dag: Any = None, task_group: Any = None) -> str:
    """`task_id`, or with the next `__N` when the DAG has it already."""
    dag, group = place_of({"dag": dag, "task_group": task_group})
    if dag is None:
        return task_id
    full: Callable[[str], str] = group.child_id if group is not None else str
    if not dag.is_taken(full(task_id)):
        return task_id
    core = re.split(r"__\d+$", task_id)[0]
    pattern = re.compile(rf"{re.escape(full(core))}__(\d+)")
    numbers = [int(found[1]) for name in dag.task_ids if (found := pattern.fullmatch(name))]
    return f"{core}__{max(numbers, default=0) + 1}"


def place_of(options: Mapping[str, Any]) -> tuple[Any, Any]:
    """The DAG and group a call belongs to."""
    group = options.get("task_group") or scope.current_group()
    return options.get("dag") or scope.current_dag() or (group.dag if group is not None else None), group
