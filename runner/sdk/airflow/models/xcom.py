"""XCom: small values that tasks leave for each other. Stored as JSON, tagged for the types JSON lacks."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Any

from airflow._wire import encoding
from airflow.models.xcom_arg import XCOM_RETURN_KEY

__all__ = ["XCOM_RETURN_KEY", "BaseXCom", "XCom", "to_plain"]


def to_plain(value: Any, name: str = "value") -> Any:
    """The JSON form of an XCom. Raises NotEncodable (a TypeError) naming the part that has none.

    Beyond what the wire knows: dataclasses and objects with `model_dump` become dicts, numbers of numpy plain numbers.
    """
    try:
        return encoding.to_plain(value, name)
    except encoding.NotEncodable:
        return encoding.to_plain(_simplify(value), name)


def from_plain(plain: Any) -> Any:
    """The value of an XCom. Aware dates are pendulum's, so that what a task pushed can be used as it was."""
    return _with_pendulum(encoding.from_plain(plain))


def _with_pendulum(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        if value.tzinfo is None:
            return value
        import pendulum

        return pendulum.instance(value)
    if isinstance(value, dict):
        return {key: _with_pendulum(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return type(value)(_with_pendulum(item) for item in value)
    return value


def _simplify(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _simplify(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if hasattr(value, "model_dump"):
        return _simplify(value.model_dump())
    if type(value).__module__.partition(".")[0] == "numpy":
        return _simplify(value.tolist())
    if isinstance(value, dict):
        return {key: _simplify(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)) and not hasattr(value, "_fields"):
        return type(value)(_simplify(item) for item in value)
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray, tuple)):
        return [_simplify(item) for item in value]
    return value


class BaseXCom:
    """Reading XComs by name, as operators and DAG files do it."""

    @classmethod
    def get_one(
        cls,
        *,
        key: str | None = None,
        task_id: str,
        dag_id: str | None = None,
        run_id: str,
        map_index: int | None = None,
        **_: Any,
    ) -> Any:
        """The value, or None when it was never pushed."""
        from airflow._task.comms import required

        params = {"dag_id": dag_id, "run_id": run_id, "task_id": task_id, "map_index": map_index}
        answer = required("read an XCom").ask("get_xcom", {**params, "key": key or XCOM_RETURN_KEY})
        return from_plain(answer["value"]) if answer["found"] else None

    get_value = get_one


XCom = BaseXCom
