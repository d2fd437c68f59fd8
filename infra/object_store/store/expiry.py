"""Applies the rules of expiry to every bucket that has some: a walk over the index, in steps that let others work.

What is decided from a page is done only if the version is still what it was.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from typing import Any

from infra.object_store.lifecycle import Standing, Verdict, decide, is_upload_over
from infra.object_store.model import NO_CONDITIONS, LifecycleRule, ObjectRef, Upload
from infra.object_store.store import objects, uploads
from infra.object_store.store.rows import VERSION_COLUMNS, StoredBucket, read_facts, read_version
from infra.object_store.store.writer import Transaction, Writer

_PAGE = 500


async def expire(reading: sqlite3.Connection, writer: Writer, stored: StoredBucket, now: float) -> int:
    """Carry out one bucket's rules as of `now`; how many versions and uploads it touched."""
    rules = stored.bucket.lifecycle or ()
    done = 0
    waiting: list[asyncio.Future[int]] = []
    async for standing in _walk(reading, stored.id):
        verdict = decide(rules, standing, now)
        if verdict is not None:
            waiting.append(writer.submit(partial(_carry_out, stored, standing, verdict)))
        if len(waiting) == _PAGE:
            done += sum(await asyncio.gather(*map(asyncio.shield, waiting)))
            waiting.clear()
    done += sum(await asyncio.gather(*map(asyncio.shield, waiting)))
    if any(rule.abort_upload_days is not None for rule in rules):
        done += await _abort_uploads(reading, writer, stored, rules, now)
    return done


def _carry_out(stored: StoredBucket, standing: Standing, verdict: Verdict, transaction: Transaction) -> int:
    head = standing.head
    connection = transaction.connection
    found = objects.find_version(connection, stored.id, head.key, head.version_id)
    if found is None or found.head != head:
        return 0
    ref = ObjectRef(stored.bucket.name, head.key)
    if verdict == "remove":
        ref = replace(ref, version_id=head.version_id)
    objects.delete_version(transaction, ref, NO_CONDITIONS)
    return 1


async def _walk(reading: sqlite3.Connection, bucket: int) -> AsyncIterator[Standing]:
    """Every version of a bucket with its place among those of its key, newest first."""
    key, age = "", 0
    before: Standing | None = None
    while True:
        page = reading.execute(
            f"SELECT {VERSION_COLUMNS} FROM versions WHERE bucket = ? AND (key, age) > (?, ?)"
            " ORDER BY key, age LIMIT ?",
            (bucket, key, age, _PAGE),
        ).fetchall()
        for row in page:
            standing = _place(row, before)
            if before is not None:
                yield replace(before, alone=_is_alone(before, standing))
            before, key, age = standing, row[0], row[1]
        if len(page) < _PAGE:
            break
        await asyncio.sleep(0)
    if before is not None:
        yield replace(before, alone=before.superseded is None)


def _place(row: tuple[Any, ...], before: Standing | None) -> Standing:
    if before is None or before.head.key != row[0]:
        return Standing(read_version(row, True).head)
    head = read_version(row, False).head
    newer = 0 if before.superseded is None else before.newer + 1
    return Standing(head, newer, before.head.modified)


def _is_alone(standing: Standing, following: Standing) -> bool:
    return standing.superseded is None and following.head.key != standing.head.key


async def _abort_uploads(
    reading: sqlite3.Connection,
    writer: Writer,
    stored: StoredBucket,
    rules: tuple[LifecycleRule, ...],
    now: float,
) -> int:
    rows = reading.execute(
        "SELECT chain, key, id, started, facts FROM uploads WHERE bucket = ? ORDER BY started", (stored.id,)
    ).fetchall()
    over = 0
    for chain, key, name, started, facts in rows:
        upload = Upload(name, stored.bucket.name, key, started / 1000, read_facts(facts))
        if is_upload_over(rules, upload, now):
            await asyncio.shield(writer.submit(partial(_drop, chain)))
            over += 1
    return over


def _drop(chain: int, transaction: Transaction) -> None:
    """Drop an upload, unless it was finished meanwhile: its chain is a version's then."""
    if transaction.connection.execute("SELECT 1 FROM uploads WHERE chain = ?", (chain,)).fetchone():
        uploads.drop_upload(transaction, chain)
