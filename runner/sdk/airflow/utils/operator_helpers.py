"""How a task's context reaches a callable's arguments and a command's environment."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from types import CodeType, FunctionType
from typing import Any

_VARIABLES: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "dag_id": lambda c: c["ti"].dag_id,
    "task_id": lambda c: c["ti"].task_id,
    "execution_date": lambda c: c["logical_date"].isoformat() if c.get("logical_date") else None,
    "try_number": lambda c: c["ti"].try_number,
    "dag_run_id": lambda c: c["run_id"],
    "dag_owner": lambda c: c["task"].owner,
    "dag_email": lambda c: _addresses(c["task"].email),
}


DEFAULT_FORMAT_PREFIX = "airflow.ctx."
ENV_VAR_FORMAT_PREFIX = "AIRFLOW_CTX_"
AIRFLOW_VAR_NAME_FORMAT_MAPPING = {
    f"AIRFLOW_CONTEXT_{name.upper()}": {
        "default": f"{DEFAULT_FORMAT_PREFIX}{name}",
        "env_var_format": f"{ENV_VAR_FORMAT_PREFIX}{name.upper()}",
    }
    for name in ("dag_id", "task_id", "execution_date", "try_number", "dag_run_id", "dag_owner", "dag_email")
}
"""How a fact is called in each of the two forms below."""


def context_to_airflow_vars(context: Mapping[str, Any], in_env_var_format: bool = False) -> dict[str, str]:
    """The facts of a task as AIRFLOW_CTX_* variables (or as airflow.ctx.* names)."""
    found = {name: read(context) for name, read in _VARIABLES.items()}
    return {
        f"AIRFLOW_CTX_{name.upper()}" if in_env_var_format else f"airflow.ctx.{name}": str(value)
        for name, value in found.items()
        if value is not None
    }


def _addresses(email: Any) -> str | None:
    return ",".join(email) if isinstance(email, (list, tuple, set)) else email


def determine_kwargs(
    func: Callable[..., Any], args: Collection[Any], kwargs: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Those of `kwargs` that `func` takes after `args`; all of them when it has **kwargs.

    Raises ValueError when a name that `args` fill already is also in `kwargs` as something else than context.
    """
    if (
        isinstance(func, FunctionType)
        and not hasattr(func, "__wrapped__")
        and not hasattr(func, "__signature__")
    ):
        return _by_code(func.__code__, len(args), kwargs)
    try:
        parameters = list(inspect.signature(func).parameters.values())
    except ValueError:  # a builtin that does not tell its arguments
        return {}
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        taken = {
            p.name for p in parameters[: len(args)] if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        }
        return {name: kwargs[name] for name in kwargs if name not in taken}
    by_name = [p.name for p in parameters[len(args) :] if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return {name: kwargs[name] for name in by_name if name in kwargs}


def _by_code(code: CodeType, given: int, kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same for a plain function, from its code object: a signature costs ten times as much in a fresh child."""
    positional = code.co_varnames[: code.co_argcount]
    if code.co_flags & inspect.CO_VARKEYWORDS:
        taken = set(positional[:given])
        return {name: kwargs[name] for name in kwargs if name not in taken}
    keyword = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    by_name = (*positional[max(given, code.co_posonlyargcount) :], *keyword)
    return {name: kwargs[name] for name in by_name if name in kwargs}


class KeywordParameters:
    """A callable's arguments, worked out from a context (the 2.x helper)."""

    def __init__(self, kwargs: Mapping[str, Any]) -> None:
        self._kwargs = kwargs

    @classmethod
    def determine(
        cls, func: Callable[..., Any], args: Collection[Any], kwargs: Mapping[str, Any]
    ) -> KeywordParameters:
        return cls(determine_kwargs(func, args, kwargs))

    def unpacking(self) -> Mapping[str, Any]:
        return self._kwargs


def make_kwargs_callable(func: Callable[..., Any]) -> Callable[..., Any]:
    """`func` that may be called with more keywords than it takes."""

    @functools.wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **determine_kwargs(func, args, kwargs))

    return call
