"""XCom: small values that tasks leave for each other. Stored as JSON, tagged for the types JSON lacks."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
from collections.abc import Sequence
from typing import Any

from airflow._wire import encoding
from airflow.exceptions import AirflowException
from airflow.models.xcom_arg import XCOM_RETURN_KEY

__all__ = ["XCOM_RETURN_KEY", "BaseXCom", "XCom", "to_plain"]  # noqa: F822 - XCom is the backend in use

_OPTION = "AIRFLOW__CORE__XCOM_BACKEND"
INLINE = 64 * 1024
"""Characters of JSON up to which a value comes with the task's last word."""
MOST = 31 * 1024 * 1024
"""Bytes of the largest value: it fits into a frame even where all of it has to be escaped."""


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
    """XComs by name, as operators and DAG files read them; and what XCom backends of users' own derive from.

    `[core] xcom_backend` names the class. What its `serialize_value` returns is stored in the place of the value.
    """

    @staticmethod
    def serialize_value(value: Any, **_: Any) -> Any:
        """What is stored for a value; here the value itself, which gets its JSON form on the way."""
        return value

    @staticmethod
    def deserialize_value(result: Any) -> Any:
        """The value that `result.value` stands for; JSON as bytes is read."""
        stored = result.value
        return json.loads(stored) if isinstance(stored, (bytes, bytearray)) else stored

    def orm_deserialize_value(self) -> Any:
        """What people are shown of a stored value: as in Airflow that is up to the class; here all of it."""
        return self.deserialize_value(self)

    @classmethod
    def purge(cls, xcom: Any, *args: Any) -> None:
        """Called before a value is deleted; a backend removes what it keeps elsewhere."""

    @classmethod
    def get_one(
        cls,
        *,
        key: str | None = None,
        task_id: str,
        dag_id: str | None = None,
        run_id: str,
        map_index: int | None = None,
        include_prior_dates: bool = False,
        **_: Any,
    ) -> Any:
        """The value, or None when it was never pushed."""
        from airflow._task.comms import required

        comms, key = required("read an XCom"), key or XCOM_RETURN_KEY
        place = {"dag_id": dag_id, "run_id": run_id, "key": key}
        if include_prior_dates:
            indexes = None if map_index is None else [map_index]
            many = {"task_ids": [task_id], "include_prior_dates": True, "map_indexes": indexes}
            rows = comms.ask("list_xcoms", {**place, **many})
            return unpack(rows[-1], place) if rows else None
        answer = comms.ask("get_xcom", {**place, "task_id": task_id, "map_index": map_index})
        return unpack(answer, {**place, "task_id": task_id}) if answer["found"] else None

    @classmethod
    def get_value(cls, *, ti_key: Any, key: str | None = None, **_: Any) -> Any:
        """The value that a task instance left, or None."""
        where = {name: getattr(ti_key, name) for name in ("dag_id", "task_id", "run_id", "map_index")}
        return cls.get_one(key=key, **where)

    @classmethod
    def get_all(
        cls,
        *,
        key: str,
        dag_id: str | None = None,
        task_id: str,
        run_id: str,
        include_prior_dates: bool = False,
        **_: Any,
    ) -> list[Any] | None:
        """The values of all instances of a mapped task; None when there are none."""
        from airflow._task.comms import required

        place = {"dag_id": dag_id, "run_id": run_id, "key": key}
        many = {"task_ids": [task_id], "include_prior_dates": include_prior_dates, "map_indexes": None}
        rows = required("read XComs").ask("list_xcoms", {**place, **many})
        return [unpack(row, place) for row in rows] or None

    @classmethod
    def set(cls, key: str, value: Any, **_: Any) -> None:
        """Leave a value; a task can do so for itself only."""
        from airflow._task.context import current_context

        current_context()["ti"].xcom_push(key, value)


@dataclasses.dataclass(frozen=True, slots=True)
class XComResult:
    """A stored value on its way to a backend's `deserialize_value`."""

    key: str
    value: Any
    dag_id: str | None = None
    run_id: str | None = None
    task_id: str | None = None
    map_index: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Large:
    """A value that travels as text, through hands that do not read it: it is large, or a backend made it."""

    text: str
    length: int | None
    """How many items the value has, where something can be mapped over it."""


def pack(key: str, value: Any, name: str, ti: Any) -> Any:
    """The form in which a value leaves the task: plain JSON, or Large.

    Raises NotEncodable for what has no JSON form, AirflowException for what is too large altogether.
    """
    if _OPTION in os.environ and (backend := find_backend()) is not None:
        place = {field: getattr(ti, field) for field in ("task_id", "dag_id", "run_id", "map_index")}
        stored = _call_known(backend.serialize_value, value, {"key": key, **place})
        countable = isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray))
        is_dict = isinstance(value, dict)
        return _pack_text(key, to_plain(stored, name), len(value) if countable or is_dict else None)
    plain = to_plain(value, name)
    if type(plain) is str:
        return plain if len(plain) <= INLINE else _pack_text(key, plain, None)
    if type(plain) not in (list, dict):
        return plain
    text = json.dumps(plain, separators=(",", ":"))
    return plain if len(text) <= INLINE else _pack_text(key, plain, encoding.count_items(plain))


def push(comms: Any, key: str, packed: Any) -> None:
    """Leave what `pack` gave; others see it at once."""
    if isinstance(packed, Large):
        comms.ask("set_xcom", {"key": key, "text": packed.text, "length": packed.length})
    else:
        comms.ask("set_xcom", {"key": key, "value": packed})


def unpack(answer: dict[str, Any], place: dict[str, Any]) -> Any:
    """The value in an answer. `place`: as far as it is known where it lay, for a backend."""
    value = from_plain(json.loads(answer["text"]) if "text" in answer else answer["value"])
    if _OPTION not in os.environ:
        return value
    backend = find_backend()
    if backend is None:
        return value
    known = {**place, "key": place.get("key") or XCOM_RETURN_KEY}
    known |= {name: answer[name] for name in ("task_id", "map_index") if name in answer}
    return backend.deserialize_value(XComResult(value=value, **known))


def find_backend() -> Any | None:
    """The class of `[core] xcom_backend`; None when it is the usual one. Raises TypeError for what is no backend."""
    from airflow.utils.module_loading import import_string

    path = os.environ.get(_OPTION, "")
    found = import_string(path) if path else BaseXCom
    if found is BaseXCom:
        return None
    if not (isinstance(found, type) and issubclass(found, BaseXCom)):
        raise TypeError(f"cannot use {path} as [core] xcom_backend: it does not derive from BaseXCom")
    return found


def _pack_text(key: str, plain: Any, length: int | None) -> Large:
    text = json.dumps(plain, separators=(",", ":"), ensure_ascii=False)
    size = len(text.encode(errors="surrogatepass"))
    if size > MOST:
        raise AirflowException(
            f"cannot push the XCom {key!r}: its JSON has {size} bytes and {MOST} are the limit; "
            "put it into a bucket and push its address"
        )
    return Large(text, length)


def _call_known(function: Any, value: Any, given: dict[str, Any]) -> Any:
    """Backends of 1.10 and 2.0 take the value only."""
    import inspect

    names = inspect.signature(function).parameters
    takes_all = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in names.values())
    return function(value, **{name: item for name, item in given.items() if takes_all or name in names})


def __getattr__(name: str) -> Any:
    if name == "XCom":
        return find_backend() or BaseXCom
    from airflow import aliases

    return aliases.resolve(__name__, name)
