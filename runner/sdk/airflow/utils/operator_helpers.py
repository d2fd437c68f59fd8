"""How a task's context reaches a callable's arguments and a command's environment."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any

_VARIABLES = {
    "dag_id": lambda c: c["ti"].dag_id,
    "task_id": lambda c: c["ti"].task_id,
    "execution_date": lambda c: c["logical_date"].isoformat() if c.get("logical_date") else None,
    "try_number": lambda c: c["ti"].try_number,
    "dag_run_id": lambda c: c["run_id"],
    "dag_owner": lambda c: c["task"].owner,
    "dag_email": lambda c: _addresses(c["task"].email),
}


def context_to_airflow_vars(context: Mapping[str, Any], in_env_var_format: bool = False) -> dict[str, str]:
    """The facts of a task as AIRFLOW_CTX_* variables (or as airflow.ctx.* names)."""
    found = {name: read(context) for name, read in _VARIABLES.items()}
    form = (
        (lambda name: f"AIRFLOW_CTX_{name.upper()}")
        if in_env_var_format
        else (lambda name: f"airflow.ctx.{name}")
    )
    return {form(name): str(value) for name, value in found.items() if value is not None}


def _addresses(email: Any) -> str | None:
    return ",".join(email) if isinstance(email, (list, tuple, set)) else email


def determine_kwargs(
    func: Callable[..., Any], args: Collection[Any], kwargs: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Those of `kwargs` that `func` takes after `args`; all of them when it has **kwargs.

    Raises ValueError when a name that `args` fill already is also in `kwargs` as something else than context.
    """
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
