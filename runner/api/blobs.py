"""Values that are too large for the database: objects below the environment's own prefix in the cell's logs bucket.

An object is written once and never changed: a new value is a new object. Whoever replaces or deletes a value drops its
object after the commit; one that stays behind because of a crash costs room and nothing else.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable
from functools import cached_property

from airflow._wire.cell import Bucket

from sync.objects import ObjectStore, ObjectStoreError, open_store

log = logging.getLogger(__name__)
FOLDER = "xcom"


class Blobs:
    """The objects of one cell. `open` is called when the first one is needed; threads may share it."""

    def __init__(self, open: Callable[[], ObjectStore]) -> None:
        self._open = open

    @cached_property
    def _store(self) -> ObjectStore:
        return self._open()

    def put(self, data: bytes) -> str:
        """Write a value; the name by which it is read. Raises ObjectStoreError."""
        name = f"{FOLDER}/{uuid.uuid4().hex}.json"
        self._store.put(name, data)
        return name

    def get(self, name: str) -> bytes:
        """Raises ObjectStoreError."""
        return self._store.get(name)

    def drop(self, names: Iterable[str]) -> None:
        """Remove objects that nothing refers to. One that cannot be removed is logged."""
        for name in names:
            try:
                self._store.delete(name)
            except ObjectStoreError as error:
                log.warning("cannot remove %s, which holds no value any more: %s", name, error)


def open_blobs(bucket: Bucket) -> Blobs:
    """The objects of the cell whose logs go to that bucket."""
    return Blobs(
        lambda: open_store(
            bucket=bucket.bucket,
            region=bucket.region,
            endpoint=bucket.endpoint,
            access_key_id=bucket.access_key_id,
            secret_access_key=bucket.secret_access_key,
            session_token=bucket.session_token,
            prefix=bucket.prefix,
        )
    )
