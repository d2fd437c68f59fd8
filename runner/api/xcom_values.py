"""XCom values on their way into the database and out of it: what is too large lies in an object of its own.

The objects are written before the row and removed after it, always outside of the transaction.
"""

from __future__ import annotations

import json
from typing import Any

from airflow._wire.messages import SKIP_NOTE

from runner.api.context import CellContext
from runner.domain.mapping import measure_value
from runner.store.xcoms import Place, Stored, find_value, list_blobs, put_xcom

INLINE = 64 * 1024
"""Bytes of JSON up to which a value lies in the database, unless [core] max_inline_xcom_size says otherwise."""


def put_plain(cell: CellContext, place: Place, key: str, value: Any) -> None:
    """Keep a value, given as plain JSON."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    if not _is_unicode(text):
        text = json.dumps(value, separators=(",", ":"))  # half a surrogate pair stays escaped
    put_text(cell, place, key, text, measure_value(value))


def put_text(cell: CellContext, place: Place, key: str, text: str, length: int | None) -> None:
    """Keep a value, given as JSON text. Raises ObjectStoreError when it is large and the bucket does not take it.

    What the scheduler reads is never put into the bucket: it asks its database only.
    """
    data = text.encode()
    stored = Stored(text, None, length)
    if key != SKIP_NOTE and len(data) > cell.spec.number("core", "max_inline_xcom_size", INLINE):
        stored = Stored("", cell.blobs.put(data), length)
    try:
        with cell.db.begin() as conn:
            replaced = list_blobs(conn, place, key)
            put_xcom(conn, place, key, stored, cell.clock())
    except BaseException:
        cell.blobs.drop([stored.blob] if stored.blob else [])
        raise
    cell.blobs.drop(replaced)


def read_text(cell: CellContext, stored: Stored) -> str:
    """A value as JSON text. Raises ObjectStoreError when its object cannot be read."""
    return stored.value if stored.blob is None else cell.blobs.get(stored.blob).decode()


def exists(cell: CellContext, place: Place, key: str) -> bool:
    """Whether there is a value."""
    with cell.db.read() as conn:
        return find_value(conn, place, key) is not None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
