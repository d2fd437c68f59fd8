"""Versions of objects: found, put, deleted. Functions of one transaction; the current version of a key is the one
with the smallest age."""

from __future__ import annotations

import secrets
import sqlite3
from dataclasses import replace

from infra.object_store.conditions import decide_write
from infra.object_store.errors import StoreError
from infra.object_store.model import (
    NULL_VERSION,
    Change,
    Checksum,
    Conditions,
    Deleted,
    Facts,
    ObjectRef,
    Written,
)
from infra.object_store.store.bodies import NewContent
from infra.object_store.store.rows import (
    VERSION_COLUMNS,
    StoredBucket,
    Version,
    read_version,
    shown_version,
    write_facts,
)
from infra.object_store.store.writer import Transaction

_CURRENT = f"SELECT {VERSION_COLUMNS} FROM versions WHERE bucket = ? AND key = ? ORDER BY age LIMIT 1"
_NULL = f"SELECT {VERSION_COLUMNS} FROM versions WHERE bucket = ? AND key = ? AND version = '{NULL_VERSION}'"
_NAMED = (
    f"SELECT {VERSION_COLUMNS}, (SELECT min(age) FROM versions WHERE bucket = ?1 AND key = ?2)"
    " FROM versions WHERE bucket = ?1 AND key = ?2 AND age = ?3 AND version = ?4"
)
_LAST_HELD = (
    "SELECT c.id FROM contents c JOIN (SELECT content, count(*) AS held FROM parts WHERE chain = ? GROUP BY content) p"
    " ON p.content = c.id WHERE c.refs = p.held"
)
_INSERT = (
    f"INSERT INTO versions (bucket, {VERSION_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def find_current(connection: sqlite3.Connection, bucket: int, key: str) -> Version | None:
    row = connection.execute(_CURRENT, (bucket, key)).fetchone()
    return read_version(row, True) if row else None


def find_version(connection: sqlite3.Connection, bucket: int, key: str, version_id: str) -> Version | None:
    """A version by its id, which holds its age, so that it is found however many there are."""
    if version_id == NULL_VERSION:
        row = connection.execute(_NULL, (bucket, key)).fetchone()
        if row is None:
            return None
        newest = connection.execute(_CURRENT, (bucket, key)).fetchone()
        return read_version(row, newest[1] == row[1])
    age = age_in(version_id)
    row = connection.execute(_NAMED, (bucket, key, age, version_id)).fetchone()
    return read_version(row, row[-1] == row[1]) if row else None


def get_version(connection: sqlite3.Connection, bucket: int, ref: ObjectRef) -> Version:
    """The version a ref means, which is no delete marker. Raises as interface.head_object says."""
    if ref.version_id is None:
        found = find_current(connection, bucket, ref.key)
        if found is None or found.head.delete_marker:
            raise _no_such_key(ref.key, found)
        return found
    found = find_version(connection, bucket, ref.key, ref.version_id)
    if found is None:
        raise no_such_version(ref)
    if found.head.delete_marker:
        raise StoreError(
            "MethodNotAllowed",
            "The specified method is not allowed against this resource.",
            DeleteMarker="true",
            VersionId=ref.version_id,
            LastModified=str(found.head.modified),
        )
    return found


def put_version(
    transaction: Transaction,
    ref: ObjectRef,
    content: NewContent | int,
    etag: str,
    size: int,
    facts: Facts,
    conditions: Conditions,
    checksum: Checksum | None = None,
    chain: int | None = None,
    parts: int = 0,
) -> Written:
    """Make new bytes the current version of a key: new content, the number of content that is there already, or
    a chain of parts (then `content` is 0)."""
    connection = transaction.connection
    stored = transaction.catalogue.get(ref.bucket)
    current = find_current(connection, stored.id, ref.key)
    decide_write(conditions, ref.key, current.head if current and not current.head.delete_marker else None)
    if isinstance(content, NewContent):
        number: int | None = insert_content(connection, content)
    else:
        number = content or None
    version = _make_room(transaction, stored, ref.key, current)
    age = (current.age if current else 0) - 1
    version_id = version or _name_version(age)
    kept = (checksum.algorithm, checksum.type, checksum.value) if checksum else (None, None, None)
    connection.execute(
        _INSERT,
        (
            *(stored.id, ref.key, age, version_id, 0, etag, size, transaction.now),
            *(*kept, parts, number, chain, write_facts(facts)),
        ),
    )
    transaction.changes.append(Change(ref.bucket, ref.key, "put"))
    shown = shown_version(version_id, stored.bucket.versioning)
    return Written(etag, size, transaction.now / 1000, shown, checksum)


def delete_version(transaction: Transaction, ref: ObjectRef, conditions: Conditions) -> Deleted:
    """Remove a version, or (by key in a versioned bucket) put a delete marker on top."""
    connection = transaction.connection
    stored = transaction.catalogue.get(ref.bucket)
    if ref.version_id is not None:
        return _delete_named(transaction, stored, ref, conditions)
    current = find_current(connection, stored.id, ref.key)
    alive = current.head if current and not current.head.delete_marker else None
    decide_write(conditions, ref.key, alive)
    if not stored.bucket.versioning:
        if current is not None:
            drop_version(transaction, stored.id, current)
            transaction.changes.append(Change(ref.bucket, ref.key, "delete"))
        return Deleted(ref.key)
    version = _make_room(transaction, stored, ref.key, current)
    age = (current.age if current else 0) - 1
    version_id = version or _name_version(age)
    marker = (stored.id, ref.key, age, version_id, 1, "", 0, transaction.now)
    connection.execute(_INSERT, (*marker, None, None, None, 0, None, None, ""))
    transaction.changes.append(Change(ref.bucket, ref.key, "delete"))
    return Deleted(ref.key, version_id, True)


def set_tags(transaction: Transaction, ref: ObjectRef, facts_tags: dict[str, str]) -> Version:
    connection = transaction.connection
    stored = transaction.catalogue.get(ref.bucket)
    found = get_version(connection, stored.id, ref)
    facts = replace(found.head.facts, tags=facts_tags)
    connection.execute(
        "UPDATE versions SET facts = ? WHERE bucket = ? AND key = ? AND age = ?",
        (write_facts(facts), stored.id, ref.key, found.age),
    )
    return replace(found, head=replace(found.head, facts=facts))


def insert_content(connection: sqlite3.Connection, content: NewContent) -> int:
    cursor = connection.execute(
        "INSERT INTO contents (refs, size, md5, file, data) VALUES (1, ?, ?, ?, ?)",
        (content.size, content.md5, content.file, content.data),
    )
    return int(cursor.lastrowid or 0)


def share_content(connection: sqlite3.Connection, number: int) -> None:
    connection.execute("UPDATE contents SET refs = refs + 1 WHERE id = ?", (number,))


def drop_content(transaction: Transaction, number: int) -> None:
    """One reference less; the last one takes the bytes with it."""
    connection = transaction.connection
    refs, file = connection.execute("SELECT refs, file FROM contents WHERE id = ?", (number,)).fetchone()
    if refs > 1:
        connection.execute("UPDATE contents SET refs = refs - 1 WHERE id = ?", (number,))
        return
    connection.execute("DELETE FROM contents WHERE id = ?", (number,))
    if file is not None:
        connection.execute("INSERT OR IGNORE INTO garbage (file) VALUES (?)", (file,))
        transaction.garbage = True


def drop_chain(transaction: Transaction, chain: int) -> None:
    """All parts of a chain, in four statements however many they are (10,000 at most)."""
    connection = transaction.connection
    connection.execute(
        f"INSERT OR IGNORE INTO garbage SELECT file FROM contents WHERE file IS NOT NULL AND id IN ({_LAST_HELD})",
        (chain,),
    )
    connection.execute(f"DELETE FROM contents WHERE id IN ({_LAST_HELD})", (chain,))
    connection.execute(
        "UPDATE contents SET refs = refs - (SELECT count(*) FROM parts WHERE chain = ?1 AND content = contents.id)"
        " WHERE id IN (SELECT content FROM parts WHERE chain = ?1)",
        (chain,),
    )
    connection.execute("DELETE FROM parts WHERE chain = ?", (chain,))
    transaction.garbage = True


def drop_version(transaction: Transaction, bucket: int, version: Version) -> None:
    transaction.connection.execute(
        "DELETE FROM versions WHERE bucket = ? AND key = ? AND age = ?",
        (bucket, version.head.key, version.age),
    )
    if version.content is not None:
        drop_content(transaction, version.content)
    if version.chain is not None:
        drop_chain(transaction, version.chain)


def no_such_version(ref: ObjectRef) -> StoreError:
    return StoreError(
        "NoSuchVersion", "The specified version does not exist.", Key=ref.key, VersionId=ref.version_id or ""
    )


def _delete_named(
    transaction: Transaction, stored: StoredBucket, ref: ObjectRef, conditions: Conditions
) -> Deleted:
    found = find_version(transaction.connection, stored.id, ref.key, ref.version_id or "")
    if found is None:
        return Deleted(ref.key, ref.version_id)
    decide_write(conditions, ref.key, found.head)
    drop_version(transaction, stored.id, found)
    transaction.changes.append(Change(ref.bucket, ref.key, "delete"))
    return Deleted(ref.key, found.head.version_id, found.head.delete_marker)


def _make_room(
    transaction: Transaction, stored: StoredBucket, key: str, current: Version | None
) -> str | None:
    """Remove the null version that a new one replaces; the id of the new one, None when it gets one of its own."""
    if stored.bucket.versioning == "Enabled":
        return None
    old = current
    if current is not None and current.head.version_id != NULL_VERSION:
        old = find_version(transaction.connection, stored.id, key, NULL_VERSION)
    if old is not None:
        drop_version(transaction, stored.id, old)
    return NULL_VERSION


def _name_version(age: int) -> str:
    return f"{-age:08x}{secrets.token_hex(12)}"


def age_in(version_id: str) -> int:
    try:
        return -int(version_id[:8], 16)
    except ValueError:
        return 0


def _no_such_key(key: str, found: Version | None) -> StoreError:
    fields = {"DeleteMarker": "true", "VersionId": found.head.version_id} if found else {}
    return StoreError("NoSuchKey", "The specified key does not exist.", Key=key, **fields)
