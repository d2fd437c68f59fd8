"""Checks everything the store holds against everything it says about it, by reading every byte.

Damage to bytes is reported and never "repaired" away. What can be put right without losing anything is: blobs that
nobody refers to, wrong counts of references, parts that belong to nothing.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from infra.object_store.model import Problem, Report
from infra.object_store.store.blobs import Blobs
from infra.object_store.store.locking import take_folder
from infra.object_store.store.schema import open_reader, open_writer

_CHUNK = 1 << 20
REPAIRABLE = frozenset({"references", "stray parts", "stray blob"})
_REFERENCES = """
WITH held AS (
  SELECT content AS id FROM versions WHERE content IS NOT NULL UNION ALL SELECT content FROM parts
)
SELECT c.id, c.refs, count(h.id) FROM contents c LEFT JOIN held h ON h.id = c.id GROUP BY c.id
HAVING c.refs <> count(h.id)
"""
_DANGLING = """
SELECT 'version ' || v.key || ' ' || v.version FROM versions v LEFT JOIN contents c ON c.id = v.content
WHERE v.content IS NOT NULL AND (c.id IS NULL OR c.size <> v.size OR (v.parts = 0 AND lower(hex(c.md5)) <> v.etag))
UNION ALL
SELECT 'part ' || p.number || ' of chain ' || p.chain FROM parts p LEFT JOIN contents c ON c.id = p.content
WHERE c.id IS NULL OR c.size <> p.size
UNION ALL
SELECT 'version ' || v.key || ' ' || v.version FROM versions v WHERE v.chain IS NOT NULL AND (v.size, v.parts) <>
  (SELECT coalesce(sum(size), 0), count(*) FROM parts p WHERE p.chain = v.chain)
"""
_STRAY_PARTS = """
SELECT DISTINCT chain FROM parts EXCEPT SELECT chain FROM uploads
EXCEPT SELECT chain FROM versions WHERE chain IS NOT NULL
"""


def check_folder(folder: Path, repair: bool = False) -> Report:
    """Check a store that is not open, repairing what is safe when asked to. Raises StoreTaken when it is open."""
    lock = take_folder(folder)
    try:
        connection = open_writer(folder / "index.db")
        try:
            return _check_and_repair(connection, Blobs(folder), repair)
        finally:
            connection.close()
    finally:
        os.close(lock)


def check_living(folder: Path) -> Report:
    """Check a store that is open, in another thread than its own: only what is still wrong when looked at again.
    Blobs that nobody refers to are left to the collector."""
    connection = open_reader(folder / "index.db")
    try:
        blobs = Blobs(folder)
        found = [problem for problem in _examine(connection, blobs) if problem.kind != "stray blob"]
        again = set(_examine(connection, blobs)) if found else set()
        return _report(connection, tuple(problem for problem in found if problem in again))
    finally:
        connection.close()


def _check_and_repair(connection: sqlite3.Connection, blobs: Blobs, repair: bool) -> Report:
    problems = list(_examine(connection, blobs))
    if repair and any(problem.kind in REPAIRABLE for problem in problems):
        _repair(connection, blobs, problems)
        left = set(_examine(connection, blobs))
        problems = [
            Problem(problem.kind, problem.what, problem.content, problem not in left) for problem in problems
        ]
    return _report(connection, tuple(problems))


def _report(connection: sqlite3.Connection, problems: tuple[Problem, ...]) -> Report:
    (versions,) = connection.execute("SELECT count(*) FROM versions").fetchone()
    contents, size = connection.execute("SELECT count(*), coalesce(sum(size), 0) FROM contents").fetchone()
    return Report(problems, versions, contents, size)


def _examine(connection: sqlite3.Connection, blobs: Blobs) -> Iterator[Problem]:
    for (said,) in connection.execute("PRAGMA integrity_check").fetchall():
        if said != "ok":
            yield Problem("index", said)
    for (what,) in connection.execute(_DANGLING).fetchall():
        yield Problem("version", f"{what} does not agree with its bytes")
    for number, refs, counted in connection.execute(_REFERENCES).fetchall():
        yield Problem("references", f"content {number} counts {refs} references and has {counted}", number)
    for (chain,) in connection.execute(_STRAY_PARTS).fetchall():
        yield Problem("stray parts", f"{chain}")
    yield from _examine_contents(connection, blobs)
    known = "SELECT 1 FROM contents WHERE file = ?1 UNION ALL SELECT 1 FROM garbage WHERE file = ?1"
    for name in blobs.names():
        if connection.execute(known, (name,)).fetchone() is None:
            yield Problem("stray blob", name)


def _examine_contents(connection: sqlite3.Connection, blobs: Blobs) -> Iterator[Problem]:
    last = -1
    while True:
        row = connection.execute(
            "SELECT id, size, md5, file, data FROM contents WHERE id > ? ORDER BY id LIMIT 1", (last,)
        ).fetchone()
        if row is None:
            return
        last, size, md5, file, data = row
        try:
            found, digest = _measure(blobs.path_of(file)) if file else (len(data), _md5(data))
        except FileNotFoundError:
            yield Problem("missing", f"blob {file} of content {last} is gone", last)
            continue
        if found != size:
            yield Problem("size", f"content {last} has {found} bytes instead of {size}", last)
        elif digest != md5:
            yield Problem("hash", f"content {last} is not what was written", last)


def _measure(path: Path) -> tuple[int, bytes]:
    size, digest = 0, hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            digest.update(chunk)
    return size, digest.digest()


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def _repair(connection: sqlite3.Connection, blobs: Blobs, problems: list[Problem]) -> None:
    """Put right what loses nothing: first the index in one transaction, then the files."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for problem in problems:
            if problem.kind == "stray parts":
                connection.execute("DELETE FROM parts WHERE chain = ?", (int(problem.what),))
        for number, _, counted in connection.execute(_REFERENCES).fetchall():
            if counted:
                connection.execute("UPDATE contents SET refs = ? WHERE id = ?", (counted, number))
            else:
                connection.execute("DELETE FROM contents WHERE id = ?", (number,))
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    known = {file for (file,) in connection.execute("SELECT file FROM contents WHERE file IS NOT NULL")}
    for name in list(blobs.names()):
        if name not in known:
            blobs.remove(name)
    connection.execute("DELETE FROM garbage")
