"""Multipart uploads. A finished upload hands its chain of parts to a version: no byte is copied."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections.abc import Sequence
from typing import Any

from infra.object_store.checksums import choose_type, combine
from infra.object_store.errors import StoreError
from infra.object_store.model import (
    Algorithm,
    Checksum,
    ChecksumType,
    ClaimedPart,
    Conditions,
    Facts,
    ObjectRef,
    Part,
    PartsPage,
    Upload,
    Written,
)
from infra.object_store.store.bodies import NewContent
from infra.object_store.store.objects import (
    drop_chain,
    drop_content,
    insert_content,
    put_version,
)
from infra.object_store.store.rows import StoredBucket, read_facts, shown_version, write_facts
from infra.object_store.store.writer import Transaction

LEAST_PART = 5 * 1024 * 1024
_PART_COLUMNS = "number, etag, size, modified, checksum, content"
PartRow = tuple[int, str, int, int, str | None, int]


def create_upload(
    transaction: Transaction,
    ref: ObjectRef,
    facts: Facts,
    algorithm: Algorithm | None,
    kind: ChecksumType | None,
    owner: str,
) -> Upload:
    if kind is not None and algorithm is None:
        raise StoreError(
            "InvalidRequest",
            "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
        )
    chosen = choose_type(algorithm, kind) if algorithm else None
    stored = transaction.catalogue.get(ref.bucket)
    chain = secrets.randbits(62)
    name = f"{transaction.now:012x}{chain:016x}"
    transaction.connection.execute(
        "INSERT INTO uploads (chain, bucket, key, id, started, owner, algorithm, checksum_type, facts)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (chain, stored.id, ref.key, name, transaction.now, owner, algorithm, chosen, write_facts(facts)),
    )
    return Upload(name, ref.bucket, ref.key, transaction.now / 1000, facts, algorithm, chosen, owner)


def get_upload(
    connection: sqlite3.Connection, bucket: StoredBucket, ref: ObjectRef, upload_id: str
) -> tuple[int, Upload]:
    """An upload and its chain. Raises NoSuchUpload."""
    row = connection.execute(
        "SELECT chain, started, owner, algorithm, checksum_type, facts FROM uploads"
        " WHERE bucket = ? AND key = ? AND id = ?",
        (bucket.id, ref.key, upload_id),
    ).fetchone()
    if row is None:
        raise StoreError(
            "NoSuchUpload",
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been "
            "aborted or completed.",
            UploadId=upload_id,
        )
    chain, started, owner, algorithm, kind, facts = row
    upload = Upload(upload_id, ref.bucket, ref.key, started / 1000, read_facts(facts), algorithm, kind, owner)
    return chain, upload


def put_part(
    transaction: Transaction,
    ref: ObjectRef,
    upload_id: str,
    number: int,
    content: NewContent | int,
    part: Part,
) -> Part:
    """Keep a part, in place of an earlier one of that number."""
    connection = transaction.connection
    chain, _ = get_upload(connection, transaction.catalogue.get(ref.bucket), ref, upload_id)
    old = connection.execute(
        "SELECT content FROM parts WHERE chain = ? AND number = ?", (chain, number)
    ).fetchone()
    if old is not None:
        connection.execute("DELETE FROM parts WHERE chain = ? AND number = ?", (chain, number))
        drop_content(transaction, old[0])
    kept = insert_content(connection, content) if isinstance(content, NewContent) else content
    checksum = part.checksum.value if part.checksum else None
    connection.execute(
        f"INSERT INTO parts (chain, {_PART_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (chain, number, part.etag, part.size, transaction.now, checksum, kept),
    )
    return Part(number, part.etag, part.size, transaction.now / 1000, part.checksum)


def abort_upload(transaction: Transaction, ref: ObjectRef, upload_id: str) -> None:
    stored = transaction.catalogue.get(ref.bucket)
    chain, _ = get_upload(transaction.connection, stored, ref, upload_id)
    drop_upload(transaction, chain)


def drop_upload(transaction: Transaction, chain: int) -> None:
    drop_chain(transaction, chain)
    transaction.connection.execute("DELETE FROM uploads WHERE chain = ?", (chain,))


def list_parts(
    connection: sqlite3.Connection,
    bucket: StoredBucket,
    ref: ObjectRef,
    upload_id: str,
    after: int,
    limit: int,
) -> PartsPage:
    chain, upload = get_upload(connection, bucket, ref, upload_id)
    parts = _read_parts(connection, chain, upload.algorithm, after, limit + 1)
    shown = parts[:limit]
    return PartsPage(upload, shown, 0 < limit < len(parts), shown[-1].number if shown else 0)


def _read_parts(
    connection: sqlite3.Connection, chain: int, algorithm: Algorithm | None, after: int, limit: int
) -> tuple[Part, ...]:
    rows = connection.execute(
        f"SELECT {_PART_COLUMNS} FROM parts WHERE chain = ? AND number > ? ORDER BY number LIMIT ?",
        (chain, after, limit),
    )
    return tuple(_read_part(row, algorithm) for row in rows)


def find_stretch(
    connection: sqlite3.Connection, chain: int | None, part: int
) -> tuple[int, int, str | None] | None:
    """(start, length, checksum) of the part-th part of an object, whatever number it was uploaded under."""
    row: tuple[int, int, str | None] | None = connection.execute(
        "SELECT start, size, checksum FROM parts WHERE chain = ? ORDER BY number LIMIT 1 OFFSET ?",
        (chain, part - 1),
    ).fetchone()
    return row if part > 0 else None


def complete_upload(
    transaction: Transaction,
    ref: ObjectRef,
    upload_id: str,
    claimed: Sequence[ClaimedPart],
    conditions: Conditions,
    checksum: Checksum | None,
    size: int | None,
) -> Written:
    """Make the parts named an object; parts not named are dropped with the upload."""
    connection = transaction.connection
    stored = transaction.catalogue.get(ref.bucket)
    try:
        chain, upload = get_upload(connection, stored, ref, upload_id)
    except StoreError as missing:
        done = _find_done(connection, stored, ref, upload_id) if missing.code == "NoSuchUpload" else None
        if done is None:
            raise
        return done
    held: dict[int, PartRow] = {
        row[0]: row
        for row in connection.execute(f"SELECT {_PART_COLUMNS} FROM parts WHERE chain = ?", (chain,))
    }
    chosen = _choose_parts(claimed, held, upload.algorithm)
    total = sum(row[2] for row in chosen)
    if size is not None and size != total:
        raise StoreError(
            "InvalidRequest",
            f"The provided 'x-amz-mp-object-size' header value {size} does not match what was computed: {total}",
        )
    whole = _whole_checksum(upload, chosen, checksum)
    for number in held.keys() - {row[0] for row in chosen}:
        connection.execute("DELETE FROM parts WHERE chain = ? AND number = ?", (chain, number))
        drop_content(transaction, held[number][5])
    _lay_out(connection, chain, chosen)
    joined = b"".join(bytes.fromhex(row[1]) for row in chosen)
    etag = f"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-{len(chosen)}"
    connection.execute("DELETE FROM uploads WHERE chain = ?", (chain,))
    return put_version(transaction, ref, 0, etag, total, upload.facts, conditions, whole, chain, len(chosen))


def _find_done(
    connection: sqlite3.Connection, stored: StoredBucket, ref: ObjectRef, upload_id: str
) -> Written | None:
    """What the upload became, for a client that did not hear the answer and asks again."""
    row = connection.execute(
        "SELECT etag, size, modified, version, algorithm, checksum_type, checksum FROM versions"
        " WHERE bucket = ? AND key = ? AND chain = ?",
        (stored.id, ref.key, _chain_in(upload_id)),
    ).fetchone()
    if row is None:
        return None
    etag, size, modified, version, algorithm, kind, value = row
    checksum = Checksum(algorithm, value, kind) if value else None
    return Written(etag, size, modified / 1000, shown_version(version, stored.bucket.versioning), checksum)


def _choose_parts(
    claimed: Sequence[ClaimedPart], held: dict[int, PartRow], algorithm: Algorithm | None
) -> list[PartRow]:
    if not claimed:
        raise StoreError("MalformedXML", "You must specify at least one part")
    chosen: list[PartRow] = []
    for part in claimed:
        if chosen and part.number <= chosen[-1][0]:
            raise StoreError(
                "InvalidPartOrder",
                "The list of parts was not in ascending order. Parts must be ordered by part number.",
            )
        row = held.get(part.number)
        if row is None or row[1] != part.etag or not _same_checksum(part, row, algorithm):
            raise StoreError(
                "InvalidPart",
                "One or more of the specified parts could not be found.  The part may not have been uploaded, or "
                "the specified entity tag may not match the part's entity tag.",
                PartNumber=str(part.number),
                ETag=part.etag,
            )
        chosen.append(row)
    for row in chosen[:-1]:
        if row[2] < LEAST_PART:
            raise StoreError(
                "EntityTooSmall",
                "Your proposed upload is smaller than the minimum allowed size",
                ProposedSize=str(row[2]),
                MinSizeAllowed=str(LEAST_PART),
                PartNumber=str(row[0]),
                ETag=row[1],
            )
    return chosen


def _same_checksum(part: ClaimedPart, row: PartRow, algorithm: Algorithm | None) -> bool:
    if (
        part.checksum is None or algorithm is None
    ):  # S3 takes what it did not ask for, and does not look at it
        return True
    return algorithm == part.checksum.algorithm and row[4] == part.checksum.value


def _whole_checksum(upload: Upload, chosen: list[PartRow], claimed: Checksum | None) -> Checksum | None:
    if upload.algorithm is None or upload.checksum_type is None:
        return None
    if any(row[4] is None for row in chosen):
        raise StoreError(
            "InvalidRequest",
            f"cannot complete the upload: not every part has its {upload.algorithm} checksum",
        )
    sizes = [(row[4] or "", row[2]) for row in chosen]
    whole = combine(upload.algorithm, upload.checksum_type, sizes)
    if claimed is not None and (
        claimed.algorithm != whole.algorithm
        or claimed.value.partition("-")[0] != whole.value.partition("-")[0]
    ):
        raise StoreError(
            "BadDigest", f"The {whole.algorithm} you specified did not match the calculated checksum."
        )
    return whole


def _lay_out(connection: sqlite3.Connection, chain: int, chosen: list[PartRow]) -> None:
    """Write down where in the object each part begins, so that a range finds its part with one look-up."""
    start, starts = 0, []
    for row in chosen:
        starts.append((start, chain, row[0]))
        start += row[2]
    connection.executemany("UPDATE parts SET start = ? WHERE chain = ? AND number = ?", starts)


def _read_part(row: tuple[Any, ...], algorithm: Algorithm | None) -> Part:
    number, etag, size, modified, value, _ = row
    checksum = Checksum(algorithm, value) if value and algorithm else None
    return Part(number, etag, size, modified / 1000, checksum)


def _chain_in(upload_id: str) -> int:
    """An upload's id begins with its time, so that ids sort by it, and ends with its chain."""
    try:
        return int(upload_id[12:28], 16)
    except ValueError:
        return -1
