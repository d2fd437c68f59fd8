"""`var` and `conn` in templates: attribute access that asks when it is used, and values that are asked for late."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_UNSET: Any = object()


class VariableAccessor:
    """`var.value.name`, `var.json.name.field`, and `.get(name, default)` of both."""

    def __init__(self, deserialize_json: bool = False) -> None:
        self._json = deserialize_json

    def __getattr__(self, key: str) -> Any:
        if key.startswith("__"):
            raise AttributeError(key)
        return self.get(key)

    __getitem__ = __getattr__

    def get(self, key: str, default: Any = _UNSET, default_var: Any = _UNSET) -> Any:
        from airflow.models.variable import Variable

        chosen = default if default is not _UNSET else default_var
        given = {} if chosen is _UNSET else {"default": chosen}
        return Variable.get(key, deserialize_json=self._json, **given)

    def __repr__(self) -> str:
        return "<variables>"


class Variables:
    """`var`."""

    def __init__(self) -> None:
        self.value = VariableAccessor()
        self.json = VariableAccessor(deserialize_json=True)


class ConnectionAccessor:
    """`conn.name`, and `.get(name, default)`."""

    def __getattr__(self, conn_id: str) -> Any:
        from airflow.models.connection import get_connection

        if conn_id.startswith("__"):
            raise AttributeError(conn_id)
        return get_connection(conn_id)

    def get(self, conn_id: str, default_conn: Any = None) -> Any:
        from airflow.exceptions import AirflowNotFoundException
        from airflow.models.connection import get_connection

        try:
            return get_connection(conn_id)
        except AirflowNotFoundException:
            return default_conn

    def __repr__(self) -> str:
        return "<connections>"


class Late:
    """Stands for a value that costs a question; asks it once, when the value is first looked at."""

    __slots__ = ("_make", "_value")

    def __init__(self, make: Callable[[], Any]) -> None:
        object.__setattr__(self, "_make", make)

    def _get(self) -> Any:
        try:
            return object.__getattribute__(self, "_value")
        except AttributeError:
            object.__setattr__(self, "_value", object.__getattribute__(self, "_make")())
            return object.__getattribute__(self, "_value")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._get(), name)

    def __str__(self) -> str:
        return str(self._get())

    def __repr__(self) -> str:
        return repr(self._get())

    def __format__(self, spec: str) -> str:
        return format(self._get(), spec)

    def __bool__(self) -> bool:
        return bool(self._get())

    def __getitem__(self, key: Any) -> Any:
        return self._get()[key]

    def __iter__(self) -> Any:
        return iter(self._get())

    def __len__(self) -> int:
        return len(self._get())

    def __contains__(self, item: object) -> bool:
        return item in self._get()

    def __eq__(self, other: object) -> bool:
        return bool(self._get() == _plain(other))

    def __hash__(self) -> int:
        return hash(self._get())

    def __lt__(self, other: Any) -> bool:
        return bool(self._get() < _plain(other))

    def __le__(self, other: Any) -> bool:
        return bool(self._get() <= _plain(other))

    def __gt__(self, other: Any) -> bool:
        return bool(self._get() > _plain(other))

    def __ge__(self, other: Any) -> bool:
        return bool(self._get() >= _plain(other))

    def __add__(self, other: Any) -> Any:
        return self._get() + _plain(other)

    def __sub__(self, other: Any) -> Any:
        return self._get() - _plain(other)

    def __rsub__(self, other: Any) -> Any:
        return other - self._get()


def _plain(value: Any) -> Any:
    return value._get() if isinstance(value, Late) else value
