"""`macros.*` in templates, importable as `airflow.macros`.

Any task that takes the whole context has it; what only some macros need is imported when it is used.
"""

from __future__ import annotations

import datetime as _dt
import json
import time
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

__all__ = [  # noqa: RUF022
    "datetime", "datetime_diff_for_humans", "ds_add", "ds_format", "ds_format_locale", "dateutil", "json", "random",
    "time", "timedelta", "uuid",
]  # fmt: skip


def ds_add(ds: str, days: int) -> str:
    """`ds` (YYYY-MM-DD) moved by `days`."""
    if not days:
        return str(ds)
    return (datetime.strptime(str(ds), "%Y-%m-%d") + timedelta(days=days)).strftime("%Y-%m-%d")  # noqa: DTZ007


def ds_format(ds: str, input_format: str, output_format: str) -> str:
    """A date text read by one format and written in another."""
    return datetime.strptime(str(ds), input_format).strftime(output_format)  # noqa: DTZ007


def ds_format_locale(ds: str, input_format: str, output_format: str, locale: Any = None) -> str:
    """Like `ds_format`, with the names of a locale; needs the babel library."""
    from babel.dates import format_datetime  # type: ignore[import-not-found, unused-ignore]

    return str(format_datetime(datetime.strptime(str(ds), input_format), format=output_format, locale=locale))  # noqa: DTZ007


def datetime_diff_for_humans(dt: Any, since: _dt.datetime | None = None) -> str:
    """How long ago (or ahead, or between the two), in words."""
    import pendulum

    other = pendulum.instance(since) if since is not None else None
    return str(pendulum.instance(dt).diff_for_humans(other))


def __getattr__(name: str) -> Any:
    if name == "dateutil":
        import_module("dateutil.parser")
        import_module("dateutil.relativedelta")
        return import_module("dateutil")
    if name == "uuid":
        return import_module("uuid")
    if name == "random":
        return import_module("random").random
    if name == "yaml":
        return import_module("airflow.utils.yaml")
    from airflow import aliases

    return aliases.resolve(__name__, name)
