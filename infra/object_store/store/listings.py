"""Pages of keys, versions and uploads.

One index scan in UTF-8 byte order. A common prefix is passed over with one seek, whatever lies below it; so are
the older versions of a key that has many.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

from infra.object_store.errors import StoreError
from infra.object_store.model import NULL_VERSION, Entry, Listing, Upload, UploadsPage
from infra.object_store.names import beyond
from infra.object_store.store.objects import age_in, find_version
from infra.object_store.store.rows import ENTRY_COLUMNS, StoredBucket, read_entry, read_facts

_NEWEST = -(1 << 62)
_FEW = 16
"""So many rows of one key are stepped over before a seek is cheaper."""
_LAST = "\U0010ffff" * 1025
Scan = Callable[[str, str], Iterator[tuple[Any, ...]]]


def list_objects(
    connection: sqlite3.Connection, number: int, prefix: str, delimiter: str, after: str, limit: int
) -> Listing:
    scan = _scanner(connection, number, prefix)
    page = _Page(prefix, delimiter, after, limit)
    if limit > 0:
        page.fill(_only_current(scan), *_first_bound(prefix, after))
    entries = tuple(read_entry(row, True) for row in page.rows)
    return Listing(entries, tuple(page.prefixes), page.truncated, page.last)


def list_versions(
    connection: sqlite3.Connection,
    number: int,
    prefix: str,
    delimiter: str,
    after: str,
    after_version: str,
    limit: int,
) -> Listing:
    scan = _scanner(connection, number, prefix)
    page = _Page(prefix, delimiter, after, limit)
    newest: str | None = None
    if after_version and limit > 0:
        _resume(connection, number, page, after, after_version)
        newest = after
    if limit > 0:
        page.fill(scan, *_first_bound(prefix, after))
    entries: list[Entry] = []
    for row in page.rows:
        entries.append(read_entry(row, row[0] != newest))
        newest = row[0]
    last_version = page.rows[-1][4] if page.rows and page.rows[-1][0] == page.last else ""
    return Listing(tuple(entries), tuple(page.prefixes), page.truncated, page.last, last_version)


def list_uploads(
    connection: sqlite3.Connection,
    bucket: StoredBucket,
    prefix: str,
    delimiter: str,
    after: str,
    after_upload: str,
    limit: int,
) -> UploadsPage:
    upper = beyond(prefix)
    columns = "key, id, started, owner, algorithm, checksum_type, facts"

    def scan(relation: str, bound: str) -> Iterator[tuple[Any, ...]]:
        return connection.execute(
            f"SELECT {columns} FROM uploads WHERE bucket = ? AND key {relation} ? AND key < ? ORDER BY key, id",
            (bucket.id, bound, upper or _LAST),
        )

    page = _Page(prefix, delimiter, after, limit)
    if after_upload and limit > 0 and page.shows(after):
        rest = connection.execute(
            f"SELECT {columns} FROM uploads WHERE bucket = ? AND key = ? AND id > ? ORDER BY id",
            (bucket.id, after, after_upload),
        )
        page.take_all(rest)
    if limit > 0:
        page.fill(scan, *_first_bound(prefix, after))
    uploads = tuple(
        Upload(row[1], bucket.bucket.name, row[0], row[2] / 1000, read_facts(row[6]), row[4], row[5], row[3])
        for row in page.rows
    )
    last_upload = page.rows[-1][1] if page.rows and page.rows[-1][0] == page.last else ""
    return UploadsPage(uploads, tuple(page.prefixes), page.truncated, page.last, last_upload)


class _Page:
    """A page being filled: rows and common prefixes together count against the limit."""

    def __init__(self, prefix: str, delimiter: str, after: str, limit: int) -> None:
        self.rows: list[tuple[Any, ...]] = []
        self.prefixes: list[str] = []
        self.truncated = False
        self.last = ""
        self._prefix, self._delimiter, self._after, self._limit = prefix, delimiter, after, limit

    def fill(self, scan: Scan, relation: str, bound: str) -> None:
        seek: tuple[str, str] | None = (relation, bound)
        while seek is not None and not self.truncated:
            seek = self._walk(scan(*seek))

    def take_all(self, rows: Iterator[tuple[Any, ...]]) -> None:
        for row in rows:
            if self._is_full():
                return
            self._take(row)

    def shows(self, key: str) -> bool:
        """Whether a key is a line of its own here: below the prefix and in no common prefix."""
        start = len(self._prefix)
        return key.startswith(self._prefix) and not (self._delimiter and self._delimiter in key[start:])

    def _walk(self, rows: Iterator[tuple[Any, ...]]) -> tuple[str, str] | None:
        """Take rows until a common prefix begins; where to go on behind it, None at the end."""
        delimiter, start = self._delimiter, len(self._prefix)
        for row in rows:
            cut = row[0].find(delimiter, start) if delimiter else -1
            if cut < 0:
                if self._is_full():
                    return None
                self._take(row)
                continue
            common = row[0][: cut + len(delimiter)]
            if common.encode() > self._after.encode():
                if self._is_full():
                    return None
                self.prefixes.append(common)
                self.last = common
            upper = beyond(common)
            return (">=", upper) if upper is not None else None
        return None

    def _take(self, row: tuple[Any, ...]) -> None:
        self.rows.append(row)
        self.last = row[0]

    def _is_full(self) -> bool:
        """Whether there is no room for one more, which means that there is a next page."""
        self.truncated = self.truncated or len(self.rows) + len(self.prefixes) >= self._limit
        return self.truncated


def _scanner(connection: sqlite3.Connection, bucket: int, prefix: str) -> Scan:
    upper = beyond(prefix) or _LAST

    def scan(relation: str, bound: str) -> Iterator[tuple[Any, ...]]:
        return connection.execute(
            f"SELECT {ENTRY_COLUMNS} FROM versions WHERE bucket = ? AND key {relation} ? AND key < ?"
            " ORDER BY key, age",
            (bucket, bound, upper),
        )

    return scan


def _only_current(scan: Scan) -> Scan:
    """The newest version of each key, where it is no delete marker."""

    def current(relation: str, bound: str) -> Iterator[tuple[Any, ...]]:
        seek: tuple[str, str] | None = (relation, bound)
        while seek is not None:
            seen, passed, again = None, 0, None
            for row in scan(*seek):
                if row[0] == seen:
                    passed += 1
                    if passed > _FEW:
                        again = (">", row[0])
                        break
                    continue
                seen, passed = row[0], 0
                if not row[5]:
                    yield row
            seek = again

    return current


def _resume(connection: sqlite3.Connection, bucket: int, page: _Page, after: str, after_version: str) -> None:
    """Go on within the versions of one key."""
    if not page.shows(after):
        return
    marker = find_version(connection, bucket, after, after_version)
    age = marker.age if marker else _guess_age(after_version)
    rest = connection.execute(
        f"SELECT {ENTRY_COLUMNS} FROM versions WHERE bucket = ? AND key = ? AND age > ? ORDER BY age",
        (bucket, after, age),
    )
    page.take_all(rest)


def _guess_age(after_version: str) -> int:
    """Where a version was that is gone by now, as when each page is deleted before the next is asked for."""
    if after_version == NULL_VERSION:
        return _NEWEST
    age = age_in(after_version)
    if not age:
        raise StoreError("InvalidArgument", "Invalid version id specified", ArgumentName="version-id-marker")
    return age


def _first_bound(prefix: str, after: str) -> tuple[str, str]:
    return (">", after) if after and after.encode() >= prefix.encode() else (">=", prefix)
