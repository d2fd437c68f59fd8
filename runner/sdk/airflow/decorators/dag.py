"""@dag: a function that writes a DAG."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from airflow.models import scope
from airflow.models.dag import DAG
from airflow.models.param import Param
from airflow.models.xcom_arg import XCOM_RETURN_KEY, XComArg


def dag(dag_id: Any = "", *positional: Any, **options: Any) -> Any:
    """`@dag` or `@dag("id", schedule=..., ...)`; takes what DAG takes.

    Calling the decorated function builds the DAG and registers it. The function's name is the id when none is given,
    its docstring the documentation, and its arguments become params.
    """
    if callable(dag_id):
        return dag(**options)(dag_id)

    def decorate(function: Callable[..., Any]) -> Callable[..., DAG]:
        @functools.wraps(function)
        def build(*args: Any, **kwargs: Any) -> DAG:
            where = scope.site()
            made = DAG(dag_id or function.__name__, *positional, **options)
            made.definition_site, made.fileloc = where, where[0]
            if function.__doc__ and made.doc_md is None:
                made.doc_md = inspect.cleandoc(function.__doc__)
            bound = inspect.signature(function).bind(*args, **kwargs)
            bound.apply_defaults()
            with made:
                found = function(
                    **{name: _as_param(made, name, value) for name, value in bound.arguments.items()}
                )
            if isinstance(found, XComArg) and getattr(found, "key", None) == XCOM_RETURN_KEY:
                made.add_result(found)
            return made

        return build

    return decorate


def _as_param(made: DAG, name: str, value: Any) -> Any:
    """An argument of the function is a param of the DAG; inside, it stands for the run's value."""
    from airflow.models.dagparam import DagParam

    if isinstance(value, Param):
        made.params.deep_merge({name: value})
        return DagParam(made, name)
    made.params[name] = value
    return DagParam(made, name, value)
