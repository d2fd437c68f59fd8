"""The buckets as one connection sees them, remembered because every request asks for one."""

from __future__ import annotations

import sqlite3

from infra.object_store.errors import StoreError
from infra.object_store.store.rows import StoredBucket, find_bucket_row


class Catalogue:
    """Whoever changes a bucket (or takes such a change back) makes it forget."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: dict[str, StoredBucket] = {}

    def find(self, name: str) -> StoredBucket | None:
        stored = self._known.get(name)
        if stored is None:
            stored = find_bucket_row(self._connection, name)
            if stored is not None:
                self._known[name] = stored
        return stored

    def get(self, name: str) -> StoredBucket:
        """Raises NoSuchBucket."""
        stored = self.find(name)
        if stored is None:
            raise StoreError("NoSuchBucket", "The specified bucket does not exist", BucketName=name)
        return stored

    def forget(self) -> None:
        self._known.clear()
