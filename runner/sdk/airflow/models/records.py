"""Runs and task instances as the ORM had them: which of its queries have an answer here, and what the others say.

`DagRun.find` asks the engine. A column on the class (`DagRun.dag_id == ...`, in a query) raises NotAvailable.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, NoReturn

from airflow._wire import encoding


class RecordMeta(type):
    """Says what to use instead when a class is used as a table. Instances do not pass here."""

    def __getattr__(cls, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")
        from airflow._names.placeholders import NotAvailable
        from airflow.utils.session import INSTEAD

        raise NotAvailable(f"cannot use {cls.__name__}.{name} in a query: {INSTEAD}")


def find_runs(
    dag_ids: Any = None,
    run_ids: Any = None,
    states: Any = None,
    run_types: Any = None,
    start: Any = None,
    end: Any = None,
) -> list[dict[str, Any]]:
    """The facts of runs; each filter is a value, several, or None. `start` and `end` bound the logical date."""
    from airflow._task.comms import required

    params: dict[str, Any] = {
        "dag_ids": _texts(dag_ids),
        "run_ids": _texts(run_ids),
        "states": _texts(states),
        "run_types": _texts(run_types),
        "from": _date(start),
        "until": _date(end),
    }
    return list(required("find runs").ask("list_dag_runs", params))


def _texts(value: Any) -> list[str] | None:
    if value is None:
        return None
    return [str(value)] if isinstance(value, str) else [str(each) for each in value]


def _date(value: Any) -> Any:
    if isinstance(value, (list, tuple, set)):
        value = next(iter(value), None)
    if isinstance(value, dt.datetime) and value.tzinfo is None:
        value = value.replace(tzinfo=dt.UTC)
    return encoding.to_plain(value)
