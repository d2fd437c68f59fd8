"""`@hookimpl`: this function of a plugin's listener wants to be told. The mark is pluggy's, without the library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

MARK = "airflow_impl"


def hookimpl(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Mark a function of a listener; the options are pluggy's (tryfirst, trylast, specname ...)."""
    if function is None:
        return lambda each: hookimpl(each, **options)
    defaults = dict.fromkeys(("hookwrapper", "optionalhook", "tryfirst", "trylast", "wrapper"), False)
    setattr(function, MARK, {**defaults, "specname": None, **options})
    return function
