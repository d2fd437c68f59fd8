"""How an operator comes into being: default_args reach every constructor of its class, then its outputs are wired.

A class's `__init__` is wrapped once; the wrapper adds what default_args say for arguments that it names and the
caller left out, so a subclass that changes an argument on the way up still decides.
"""

from __future__ import annotations

import functools
import inspect
from abc import ABCMeta
from collections.abc import Callable
from typing import Any

from airflow.exceptions import AirflowException
from airflow.models import scope
from airflow.models.base_options import DROPPED, OPTIONS
from airflow.models.xcom_arg import add_dependencies


class BaseOperatorMeta(ABCMeta):
    """Gives default_args to every constructor on the way up, and finishes a task after the last of them."""

    def __new__(cls, name: str, bases: tuple, namespace: dict[str, Any], **kwargs: Any) -> Any:
        if "__init__" in namespace:
            namespace["__init__"] = _with_defaults(namespace["__init__"])
        return super().__new__(cls, name, bases, namespace, **kwargs)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if args and "task_id" not in kwargs:
            kwargs["task_id"], args = args[0], args[1:]
        task = _construct(cls, args, kwargs, None)
        add_dependencies(task)
        return task


def create_instance(operator_class: Any, kwargs: dict[str, Any], mapped: Any) -> Any:
    """The operator of one instance of the mapped task `mapped`; it takes its place and joins nothing."""
    place = {"dag": mapped._dag, "task_group": mapped.task_group, "default_args": mapped.default_args}
    return _construct(operator_class, (), {**kwargs, **place}, mapped)


def _construct(cls: Any, args: tuple[Any, ...], kwargs: dict[str, Any], mapped: Any) -> Any:
    task: Any = cls.__new__(cls)
    task._defaults = defaults_for(kwargs)
    if mapped is not None:
        task.mapped_from = mapped
    task.__init__(*args, **kwargs)
    if "_is_complete" not in task.__dict__:
        raise AirflowException(
            f"cannot create a {cls.__name__}: its constructor does not call super().__init__()"
        )
    return task


def defaults_for(kwargs: dict[str, Any]) -> dict[str, Any]:
    """What the DAG, the groups around the task and the task itself give as default_args; the nearest wins."""
    dag = kwargs.get("dag") or scope.current_dag()
    group = kwargs.get("task_group") or scope.current_group()
    if dag is None and group is not None:
        dag = group.dag
    merged: dict[str, Any] = dict(dag.default_args) if dag is not None else {}
    if group is not None:
        merged.update(group.default_args)
    merged.update(kwargs.get("default_args") or {})
    return merged


def parameter_names(operator_class: Any) -> frozenset[str]:
    """Every argument that the constructors of a class and of its bases name."""
    names: set[str] = {"task_id", "dag", "task_group", "default_args", *DROPPED}
    for cls in operator_class.__mro__:
        if isinstance(cls, BaseOperatorMeta) and "__init__" in vars(cls):
            names |= _named(vars(cls)["__init__"])
    return frozenset(names)


def _with_defaults(init: Callable[..., None]) -> Callable[..., None]:
    """`init`, with the arguments that it names and the caller left out taken from default_args."""
    names: frozenset[str] | None = None

    @functools.wraps(init)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> None:
        nonlocal names
        defaults = self.__dict__.get("_defaults")
        if defaults:
            if names is None:
                names = _named(init)
            given = set(list(inspect.signature(init).parameters)[1 : len(args) + 1]) if args else ()
            for name, value in defaults.items():
                if name in names and name not in kwargs and name not in given:
                    kwargs[name] = value
        init(self, *args, **kwargs)

    return wrapped


def _named(init: Callable[..., None]) -> frozenset[str]:
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    own = {name for name, parameter in inspect.signature(init).parameters.items() if parameter.kind in kinds}
    if init.__qualname__ == "BaseOperator.__init__":
        own |= OPTIONS.keys()
    return frozenset(own - {"self", "task_id", "dag", "task_group", "default_args"})
