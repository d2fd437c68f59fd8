"""Reads of objects: look-ups on the event loop, each in one snapshot of the index.

Without the snapshot a commit between two look-ups could hand out the bytes of another object.
"""

from __future__ import annotations

import sqlite3
from concurrent.futures import Executor
from dataclasses import replace

from infra.object_store.conditions import decide_read, resolve_range
from infra.object_store.errors import StoreError
from infra.object_store.model import ByteRange, Checksum, Conditions, ObjectHead, ObjectRef
from infra.object_store.store import objects, uploads
from infra.object_store.store.blobs import Blobs
from infra.object_store.store.catalogue import Catalogue
from infra.object_store.store.contents import StoredContent, find_pieces, open_content
from infra.object_store.store.rows import Version


class Outlet:
    """See interface.ObjectStore for what each call promises."""

    def __init__(
        self, reading: sqlite3.Connection, catalogue: Catalogue, blobs: Blobs, threads: Executor
    ) -> None:
        self._reading, self._catalogue, self._blobs, self._threads = reading, catalogue, blobs, threads

    def head(self, ref: ObjectRef, conditions: Conditions, part: int | None) -> ObjectHead:
        found = self._find(ref, conditions)
        return found.head if part is None else self._find_part(found, part)[0]

    def open(
        self, ref: ObjectRef, conditions: Conditions, byte_range: ByteRange | None, part: int | None
    ) -> StoredContent:
        self._reading.execute("BEGIN")
        try:
            return self._open(ref, conditions, byte_range, part)
        finally:
            self._reading.execute("COMMIT")

    def _open(
        self, ref: ObjectRef, conditions: Conditions, byte_range: ByteRange | None, part: int | None
    ) -> StoredContent:
        found = self._find(ref, conditions)
        head, start, length = found.head, 0, found.head.size
        if part is not None:
            head, start, length = self._find_part(found, part)
        elif byte_range is not None:
            start, length = resolve_range(byte_range, head.size)
        pieces = find_pieces(self._reading, found, start, length)
        if sum(piece.length for piece in pieces) != length:
            raise StoreError("InternalError", "cannot read the object: the index lost some of it; run fsck")
        partial = part is not None or byte_range is not None
        return open_content(head, start, length, partial, pieces, self._blobs, self._threads)

    def _find(self, ref: ObjectRef, conditions: Conditions) -> Version:
        bucket = self._catalogue.get(ref.bucket)
        found = objects.get_version(self._reading, bucket.id, ref)
        decide_read(conditions, found.head)
        return found

    def _find_part(self, found: Version, part: int) -> tuple[ObjectHead, int, int]:
        """(head with the part's own checksum, start, length) of a part of an object."""
        head = found.head
        if found.chain is None and part == 1:
            return head, 0, head.size
        stretch = uploads.find_stretch(self._reading, found.chain, part)
        if stretch is None:
            raise StoreError(
                "InvalidPartNumber",
                "The requested partnumber is not satisfiable",
                ActualPartCount=str(head.parts or 1),
            )
        start, length, value = stretch
        whole = head.checksum
        own = Checksum(whole.algorithm, value, whole.type) if whole and value else None
        return replace(head, checksum=own), start, length
