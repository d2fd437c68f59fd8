"""DagParam: an argument of a @dag function, standing for the value that a run was started with."""

from __future__ import annotations

from typing import Any

from airflow.exceptions import AirflowException

_UNSET: Any = object()


class DagParam:
    """Resolved when a task is rendered: the run's conf, else its own default, else the DAG's param."""

    def __init__(self, dag: Any, name: str, default: Any = _UNSET) -> None:
        self._dag, self._name, self._default = dag, name, default

    def resolve(self, context: Any) -> Any:
        """Raises AirflowException when the run has no value for it."""
        conf = context["dag_run"].conf or {}
        if self._name in conf:
            return conf[self._name]
        if self._default is not _UNSET:
            return self._default
        if self._name in context["params"]:
            return context["params"][self._name]
        raise AirflowException(
            f"cannot find a value for the argument {self._name!r} of DAG {self._dag.dag_id!r}"
        )

    def iter_references(self) -> list[Any]:
        return []
