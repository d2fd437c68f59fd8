"""What a task may ask, answered from memory: the other side of `dag.test()`."""

from __future__ import annotations

import datetime as dt
import importlib
import json
from pathlib import Path
from typing import Any

from airflow._task.comms import CommsError
from airflow._wire import encoding
from airflow.exceptions import AirflowException

Instance = tuple[str, int]
"""Task id and map index."""


class LocalComms:
    """Answers from dictionaries. `place` is the instance that runs; `states` those of all that have ended."""

    def __init__(
        self, run_id: str, variables: dict[str, str], connections: dict[str, dict[str, Any]] | None = None
    ) -> None:
        self.run_id = run_id
        self.variables = dict(variables)
        self.connections = dict(connections or {})
        self.xcoms: dict[tuple[str, int, str], Any] = {}
        self.states: dict[Instance, str] = {}
        self.facts: dict[str, Any] = {}
        self.triggered: list[dict[str, Any]] = []
        self.place: Instance = ("", -1)

    def ask(self, method: str, params: dict[str, Any]) -> Any:
        """The answer. Raises CommsError for what only a server knows."""
        answer = getattr(self, f"_{method}", None)
        if answer is None:
            raise CommsError("unavailable", f"cannot answer {method!r} without a server")
        return answer(**params)

    def keep(self, xcoms: dict[str, Any]) -> None:
        """What the running instance left with its last word."""
        for key, value in xcoms.items():
            self._set_xcom(key, value)

    # ---- XComs ----------------------------------------------------------------------------------------------

    def _get_xcom(
        self, task_id: str, key: str, map_index: int | None = None, run_id: str | None = None, **_: Any
    ) -> dict[str, Any]:
        rows = self._rows([task_id], key, None if map_index is None else [map_index], run_id)
        return {"found": bool(rows), "value": rows[0]["value"] if rows else None}

    def _get_xcom_item(
        self, task_id: str, key: str, offset: int, run_id: str | None = None, **_: Any
    ) -> dict[str, Any]:
        rows = self._rows([task_id], key, None, run_id)
        found = 0 <= offset < len(rows)
        return {"length": len(rows), "found": found, "value": rows[offset]["value"] if found else None}

    def _list_xcoms(
        self,
        task_ids: list[str] | None,
        key: str | None,
        map_indexes: list[int] | None = None,
        run_id: str | None = None,
        **_: Any,
    ) -> list[dict[str, Any]]:
        return self._rows(task_ids, key, map_indexes, run_id)

    def _rows(self, task_ids: Any, key: str | None, indexes: Any, run_id: str | None) -> list[dict[str, Any]]:
        found = [
            {"task_id": task_id, "map_index": index, "value": value}
            for (task_id, index, name), value in self.xcoms.items()
            if run_id in (None, self.run_id)
            and (task_ids is None or task_id in task_ids)
            and (indexes is None or index in indexes)
            and key in (None, name)
        ]
        return (
            found if task_ids is None else sorted(found, key=lambda row: (row["task_id"], row["map_index"]))
        )

    def _set_xcom(self, key: str, value: Any = None, text: str | None = None, **_: Any) -> None:
        self._delete_xcom(key)
        self.xcoms[(*self.place, key)] = value if text is None else json.loads(text)

    def _delete_xcom(self, key: str) -> None:
        self.xcoms.pop((*self.place, key), None)

    # ---- variables and connections --------------------------------------------------------------------------

    def _get_variable(self, key: str) -> dict[str, Any]:
        return {"found": key in self.variables, "value": self.variables.get(key)}

    def _set_variable(self, key: str, value: str, **_: Any) -> None:
        self.variables[key] = value

    def _delete_variable(self, key: str) -> None:
        self.variables.pop(key, None)

    def _get_connection(self, conn_id: str) -> dict[str, Any]:
        known = self.connections.get(conn_id)
        return {"found": known is not None, **(known or {})}

    def _list_dag_runs(self, **_: Any) -> list[dict[str, Any]]:
        return []

    def _get_asset(self, **_: Any) -> dict[str, Any]:
        return {"found": False}

    def _list_inactive_assets(self, **_: Any) -> list[Any]:
        return []

    _list_asset_events = _list_triggering_events = _list_inactive_assets

    def _mask(self, values: list[str]) -> None:
        return None

    # ---- runs -----------------------------------------------------------------------------------------------

    def _get_dag_run(self, run_id: str, **_: Any) -> dict[str, Any]:
        found = run_id == self.run_id
        return {"found": found, **(self.facts if found else {})}

    def _get_previous_run(self, **_: Any) -> dict[str, Any]:
        return {"found": False}

    def _get_task_states(self, task_ids: list[str] | None, **_: Any) -> dict[str, str]:
        return {
            task_id: state
            for (task_id, _index), state in self.states.items()
            if task_ids is None or task_id in task_ids
        }

    def _trigger_dag_run(self, **wanted: Any) -> dict[str, Any]:
        """Noted, not run: there is one run here, this one."""
        run_id = wanted.get("run_id") or f"manual__{len(self.triggered) + 1}"
        self.triggered.append({**wanted, "run_id": run_id})
        return {"run_id": run_id, "created": True}


def manual_run(
    date: dt.datetime | None, conf: dict[str, Any], interval: Any = None, run_after: dt.datetime | None = None
) -> dict[str, Any]:
    """The facts of a run that somebody asked for."""
    facts = {
        "logical_date": date,
        "data_interval_start": interval.start if interval is not None else date,
        "data_interval_end": interval.end if interval is not None else date,
        "run_after": run_after or date,
        "run_type": "manual",
        "conf": conf,
    }
    return dict(encoding.to_plain(facts))


def read_variables(path: str | None) -> dict[str, str]:
    """The variables of a file: values that are no text become JSON. Raises AirflowException for one it cannot read."""
    found = _read_file(path, "variables") if path else {}
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in found.items()}


def read_connections(path: str | None) -> dict[str, dict[str, Any]]:
    """The connections of a file: each a URI, or a dict of fields. Raises AirflowException for one it cannot read."""
    from airflow.models.connection import Connection

    found = {}
    for conn_id, value in (_read_file(path, "connections") if path else {}).items():
        given = value[0] if isinstance(value, list) else value
        if isinstance(given, dict):
            made = Connection.from_json(json.dumps(given), conn_id)
        elif str(given).lstrip().startswith("{"):
            made = Connection.from_json(str(given), conn_id)
        else:
            made = Connection.from_uri(str(given), conn_id)
        fields = {name: value for name, value in vars(made).items() if name != "conn_id"}
        found[conn_id] = fields
    return found


def _read_file(path: str, what: str) -> dict[str, Any]:
    text = Path(path).read_text(encoding="utf-8")
    kind = Path(path).suffix.lower()
    if kind == ".json":
        read = json.loads(text)
    elif kind in (".yaml", ".yml"):
        read = importlib.import_module("yaml").safe_load(text)
    elif kind == ".env":
        lines = (
            line.partition("=") for line in text.splitlines() if line.strip() and not line.startswith("#")
        )
        read = {name.strip(): value.strip() for name, _, value in lines}
    else:
        raise AirflowException(
            f"cannot read {what} from {path}: the file must end with .json, .yaml, .yml or .env"
        )
    if not isinstance(read, dict):
        raise AirflowException(f"cannot read {what} from {path}: it must hold names and values")
    return read
