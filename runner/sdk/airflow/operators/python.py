"""PythonOperator and its kin: call a function, choose a branch by it, or stop behind it."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Collection, Mapping, Sequence
from inspect import isgeneratorfunction
from types import GeneratorType
from typing import Any

from airflow.exceptions import AirflowException
from airflow.models.baseoperator import BaseOperator
from airflow.models.skipmixin import BranchMixIn, SkipMixin
from airflow.utils.operator_helpers import determine_kwargs

__all__ = [
    "BranchExternalPythonOperator",  # noqa: F822 - those of other interpreters are imported when they are used
    "BranchPythonOperator",
    "BranchPythonVirtualenvOperator",  # noqa: F822
    "ExternalPythonOperator",  # noqa: F822
    "PythonOperator",
    "PythonVirtualenvOperator",  # noqa: F822
    "ShortCircuitOperator",
    "get_current_context",
    "task",
]


class PythonOperator(BaseOperator):
    """Calls `python_callable(*op_args, **op_kwargs)`; what the function names of the context it receives too.

    The return value is pushed as XCom. Raises AirflowException when `python_callable` cannot be called.
    """

    template_fields: Sequence[str] = ("templates_dict", "op_args", "op_kwargs")
    template_fields_renderers = {"templates_dict": "json", "op_args": "py", "op_kwargs": "py"}
    ui_color = "#ffefeb"
    shallow_copy_attrs: Sequence[str] = ("python_callable", "op_kwargs")

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        templates_dict: dict[str, Any] | None = None,
        templates_exts: Sequence[str] | None = None,
        show_return_value_in_logs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(python_callable):
            raise AirflowException(
                f"cannot create the task {self.task_id!r}: python_callable is not callable"
            )
        self.python_callable = python_callable
        self.op_args = op_args if op_args is not None else ()
        self.op_kwargs = op_kwargs if op_kwargs is not None else {}
        self.templates_dict = templates_dict
        if templates_exts:
            self.template_ext = templates_exts
        self.show_return_value_in_logs = show_return_value_in_logs

    def execute(self, context: Any) -> Any:
        value = self.execute_callable(context)
        if self.show_return_value_in_logs:
            self.log.info("Done. Returned value was: %s", value)
        else:
            self.log.info("Done. Returned value not shown")
        return value

    def execute_callable(self, context: Any) -> Any:
        """Call the function with its own arguments and what it asks of the context; await it when it is async."""
        available = _Available({"templates_dict": self.templates_dict, **self.op_kwargs}, context)
        self.op_kwargs = {**self.determine_kwargs(available), **self.op_kwargs}
        result = self.python_callable(*self.op_args, **self.op_kwargs)
        if isinstance(result, GeneratorType) and isgeneratorfunction(self.python_callable):
            from airflow.assets.outlet_events import drain

            return drain(result, context["outlet_events"])
        if hasattr(result, "__await__"):
            import asyncio

            return asyncio.run(_awaited(result))
        return result

    def determine_kwargs(self, context: Any) -> Mapping[str, Any]:
        """What the function takes of the context, by its signature."""
        return determine_kwargs(self.python_callable, self.op_args, context)


class _Available(ChainMap[str, Any]):
    """A function's own arguments before the context's values. A task may take all: none is looked for in vain."""

    def __getitem__(self, name: str) -> Any:
        own, context = self.maps
        return own[name] if name in own else context[name]


async def _awaited(result: Any) -> Any:
    return await result


class BranchPythonOperator(PythonOperator, BranchMixIn):
    """The function returns the id (or ids) of what comes next directly; everything else below is skipped."""

    ui_color = "#ffefeb"

    def execute(self, context: Any) -> Any:
        return self.do_branch(context, super().execute(context))


class ShortCircuitOperator(PythonOperator, SkipMixin):
    """When the function returns something false, what comes after is skipped.

    With `ignore_downstream_trigger_rules` False only the direct successors are, and those after them decide by their
    own trigger rules.
    """

    template_fields: Sequence[str] = PythonOperator.template_fields
    ui_color = "#ffefeb"

    def __init__(self, *, ignore_downstream_trigger_rules: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ignore_downstream_trigger_rules = ignore_downstream_trigger_rules

    def execute(self, context: Any) -> Any:
        condition = super().execute(context)
        if condition:
            self.log.info("Proceeding with downstream tasks...")
            return condition
        task = context["task"]
        below = task.get_flat_relatives() if self.ignore_downstream_trigger_rules else task.downstream_list
        self.skip(tasks=[item for item in below if not item.is_teardown])
        return condition


def get_current_context() -> Any:
    """The context of the task that runs in this process. Raises AirflowException outside of one."""
    from airflow._task.context import current_context

    return current_context()


def is_venv_installed() -> bool:
    """Whether tasks can have a virtual environment of their own: here always."""
    return True


def task(*args: Any, **kwargs: Any) -> Any:
    """`airflow.operators.python.task`, an early home of @task."""
    from airflow.decorators import task as decorator

    return decorator(*args, **kwargs)


def __getattr__(name: str) -> Any:
    from airflow import aliases

    return aliases.resolve(__name__, name)
