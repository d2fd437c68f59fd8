"""Stores: a scheme together with the connection it is used through."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.io.fs import Properties, get_fs

_ATTACHED: dict[str, ObjectStore] = {}


class ObjectStore:
    """A store. Its file system is opened when it is first used."""

    def __init__(
        self,
        protocol: str,
        conn_id: str | None = None,
        fs: Any = None,
        storage_options: Properties | None = None,
    ) -> None:
        self.protocol, self.conn_id, self.storage_options = protocol, conn_id, storage_options
        if fs is not None:
            self.__dict__["fs"] = fs

    @cached_property
    def fs(self) -> Any:
        return get_fs(self.protocol, self.conn_id, self.storage_options)

    def find_fs(self) -> Any:
        """For a path that is made long before it is used, and where no connection may be asked for."""
        return self.fs

    @property
    def fsid(self) -> str:
        """Tells stores apart."""
        return f"{self.protocol}-{self.conn_id or 'env'}"

    def __str__(self) -> str:
        return f"{self.protocol}-{self.conn_id}" if self.conn_id else self.protocol

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ObjectStore) and self.conn_id == other.conn_id and self.fs == other.fs

    def __hash__(self) -> int:
        return hash((self.conn_id, self.fsid))


def attach(
    protocol: str | None = None,
    conn_id: str | None = None,
    alias: str | None = None,
    encryption_type: str | None = "",
    fs: Any = None,
    **kwargs: Any,
) -> ObjectStore:
    """The store of that alias, or of that scheme and connection; made when it is new.

    Raises ValueError for an alias that nobody attached.
    """
    known = alias or (f"{protocol}-{conn_id}" if conn_id else protocol or "")
    if known in _ATTACHED and fs is None:
        return _ATTACHED[known]
    if not protocol:
        raise ValueError(f"cannot attach a store: no protocol is given, and none is attached as {alias!r}")
    store = ObjectStore(protocol, conn_id, fs, **kwargs)
    _ATTACHED[known] = store
    return store
