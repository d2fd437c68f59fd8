"""The template context: the union of what 1.10, 2.x and 3.x offer, each value made when it is first used.

Names that need a logical date are absent in a run that has none, as in 3.x.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any

from airflow._task.accessors import ConnectionAccessor, Late, Variables
from airflow._task.templates import FILTERS
from airflow.configuration import conf
from airflow.exceptions import AirflowException
from airflow.models.dagrun import as_pendulum
from airflow.models.param import ParamsDict


class Context(MutableMapping[str, Any]):
    """A mapping whose values are made by `makers` on first use. Assigning replaces a value.

    The table of makers is everybody's: who takes a name away gets a table of its own.
    """

    def __init__(self, values: dict[str, Any], makers: Mapping[str, Callable[[Context], Any]]) -> None:
        self._values, self._makers = values, makers

    def __getitem__(self, name: str) -> Any:
        if name not in self._values:
            self._values[name] = self._makers[name](self)
        return self._values[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._values[name] = value

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        self._values.pop(name, None)
        self._makers = {other: make for other, make in self._makers.items() if other != name}

    def __contains__(self, name: object) -> bool:
        return name in self._values or name in self._makers

    def __iter__(self) -> Iterator[str]:
        return iter({**dict.fromkeys(self._makers), **dict.fromkeys(self._values)})

    def __len__(self) -> int:
        return len(self._values.keys() | self._makers.keys())

    def __repr__(self) -> str:
        return f"<Context of {', '.join(self)}>"


_running: ContextVar[Any] = ContextVar("airflow_context", default=None)


def current_context() -> Any:
    """The context of the task that runs. Raises AirflowException outside of one."""
    context = _running.get()
    if context is None:
        raise AirflowException("cannot find the current context: no task is running here")
    return context


def find_context() -> Any:
    """The context of the task that runs, or None outside of one."""
    return _running.get()


def enter(context: Any) -> Any:
    """Make `context` the current one; `leave` with what this returns."""
    return _running.set(context)


def leave(token: Any) -> None:
    _running.reset(token)


def build(ti: Any, task: Any, dag: Any) -> Context:
    """The context of one attempt. Raises ParamValidationError when the run's conf does not fit the params."""
    run = ti.dag_run
    values = {
        "ti": ti,
        "task_instance": ti,
        "task": task,
        "dag": dag,
        "dag_run": run,
        "run_id": run.run_id,
        "conf": conf,
        "conn": ConnectionAccessor(),
        "inlets": task.inlets or [],
        "outlets": task.outlets or [],
        "map_index_template": task.map_index_template,
        "params": merge_params(dag, task, run),
        "task_reschedule_count": ti.reschedules,
        "templates_dict": None,
        "test_mode": False,
        "tables": None,
        "try_number": ti.try_number,
        "var": Variables(),
    }
    context = Context(values, _ALL_MAKERS if run.has_date() else _MAKERS)
    ti._context = context
    return context


def change_task(context: Context, task: Any) -> None:
    """From now on the context is that of `task`: the one that an instance of a mapped task is."""
    ti = context["ti"]
    ti.task = context["task"] = task
    context["inlets"], context["outlets"] = task.inlets or [], task.outlets or []
    context["params"] = merge_params(context["dag"], task, ti.dag_run)


def merge_params(dag: Any, task: Any, run: Any) -> dict[str, Any]:
    """The values of the DAG's params under the task's under the run's conf. Raises ParamValidationError."""
    own = task.params
    given: dict[str, Any] = {}
    if run.conf and conf.getboolean("core", "dag_run_conf_overrides_params"):
        given = {name: value for name, value in run.conf.items() if isinstance(name, str)}
    if not dag.params and not own:
        return given
    params = ParamsDict(dag.params)
    params.deep_merge(own)
    params.deep_merge(given)
    return params.validate()


def _key_text(ti: Any) -> str:
    date = ti.logical_date
    day = f"{date.year:04}{date.month:02}{date.day:02}" if date is not None else ti.run_id
    return f"{ti.dag_id}__{ti.task_id}__{day}"


def _macros(context: Context) -> Any:
    from airflow import macros

    return macros


def _late(read: Callable[[Context], Any]) -> Callable[[Context], Any]:
    return lambda context: Late(lambda: read(context))


def _previous(name: str) -> Callable[[Context], Any]:
    """A date of the last successful run before this one, asked for when it is used."""

    def read(context: Context) -> Any:
        run = context["ti"].get_previous_dagrun(state="success")
        return getattr(run, name) if run is not None else None

    return _late(read)


def _outlet_events(context: Context) -> Any:
    from airflow.assets.outlet_events import OutletEvents

    return OutletEvents(context["outlets"])


def _inlet_events(context: Context) -> Any:
    from airflow.assets.past_events import InletsEvents

    return InletsEvents(context["inlets"], context["ti"]._comms)


def _triggering_events(context: Context, by_uri: bool = False) -> Any:
    from airflow.assets import past_events

    events = past_events.triggering_events(context["ti"]._comms)
    return past_events.by_uri(events) if by_uri else past_events.TriggeringEvents(events)


def _length(run: Any) -> dt.timedelta:
    """The length of the run's interval; nothing when it has none."""
    if run.data_interval_start is None or run.data_interval_end is None:
        return dt.timedelta(0)
    return dt.timedelta(seconds=(run.data_interval_end - run.data_interval_start).total_seconds())


def _next_date(context: Context) -> Any:
    """The logical date after this one; this one itself in a run somebody asked for."""
    run = context["dag_run"]
    if run.external_trigger:
        return run.logical_date
    return _step(context, "_get_next") or run.data_interval_end or run.logical_date


def _previous_date(context: Context) -> Any:
    run = context["dag_run"]
    if run.external_trigger:
        return run.logical_date
    return _step(context, "_get_prev") or run.logical_date - _length(run)


def _step(context: Context, way: str) -> Any:
    """The date of the schedule beside this run's; None when the schedule knows no such steps."""
    step = getattr(getattr(context["dag"], "timetable", None), way, None)
    return None if step is None else as_pendulum(step(context["dag_run"].logical_date))


def _day(name: str, dashes: bool = True, days: int = 0) -> Callable[[Context], Any]:
    """The day of a date of the context, or one so many days off, as text."""

    def read(context: Context) -> Any:
        at = context[name]
        if at is None:
            return None
        day = dt.date.fromordinal(at.toordinal() + days).isoformat()
        return day if dashes else day.replace("-", "")

    return read


def _count_instances(context: Context) -> int | None:
    """How many instances the mapping that this task belongs to has."""
    task = context["task"]
    origin = getattr(task, "mapped_from", None) or task.get_closest_mapped_task_group()
    return origin.expand_input.count(context) if origin is not None else None


_MAKERS: dict[str, Callable[[Context], Any]] = {
    "expanded_ti_count": _count_instances,
    "macros": _macros,
    "task_instance_key_str": lambda c: _key_text(c["ti"]),
    "data_interval_start": lambda c: c["dag_run"].data_interval_start,
    "data_interval_end": lambda c: c["dag_run"].data_interval_end,
    "partition_key": lambda c: c["dag_run"].partition_key,
    "partition_date": lambda c: c["dag_run"].partition_date,
    "start_date": lambda c: c["ti"].start_date,
    "prev_start_date_success": _previous("start_date"),
    "prev_end_date_success": _previous("end_date"),
    "prev_data_interval_start_success": _previous("data_interval_start"),
    "prev_data_interval_end_success": _previous("data_interval_end"),
    "prev_execution_date_success": _previous("logical_date"),
    "inlet_events": _late(_inlet_events),
    "outlet_events": _late(_outlet_events),
    "triggering_asset_events": _late(_triggering_events),
    "triggering_dataset_events": _late(lambda c: _triggering_events(c, by_uri=True)),
}
"""Values of any run."""

_DATED: dict[str, Callable[[Context], Any]] = {
    "logical_date": lambda c: c["dag_run"].logical_date,
    "execution_date": lambda c: c["dag_run"].logical_date,
    "ds": _day("logical_date"),
    "ds_nodash": _day("logical_date", dashes=False),
    "ts": lambda c: c["logical_date"].isoformat(),
    "ts_nodash": lambda c: FILTERS["ts_nodash"](c["logical_date"]),
    "ts_nodash_with_tz": lambda c: FILTERS["ts_nodash_with_tz"](c["logical_date"]),
    "next_execution_date": _next_date,
    "prev_execution_date": _previous_date,
    "next_ds": _day("next_execution_date"),
    "next_ds_nodash": _day("next_execution_date", dashes=False),
    "prev_ds": _day("prev_execution_date"),
    "prev_ds_nodash": _day("prev_execution_date", dashes=False),
    "yesterday_ds": _day("logical_date", days=-1),
    "yesterday_ds_nodash": _day("logical_date", dashes=False, days=-1),
    "tomorrow_ds": _day("logical_date", days=1),
    "tomorrow_ds_nodash": _day("logical_date", dashes=False, days=1),
    "end_date": _day("logical_date"),
    "END_DATE": _day("logical_date"),
    "latest_date": _day("logical_date"),
}
"""Values of a run with a logical date."""
_ALL_MAKERS = {**_MAKERS, **_DATED}

NAMES = frozenset({"run_id", *_ALL_MAKERS})
"""Names that stand for text or dates in the context of nearly every task."""
