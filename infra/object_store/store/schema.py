"""The index: one SQLite file in WAL mode, synchronous=FULL, so a commit that returned is on the disk.

    buckets   1 --- n  versions (bucket, key, age): the newest of a key has the smallest age and is the current one
    versions  n --- 1  contents (content)  or  1 --- n  parts (chain)  for an object uploaded in parts
    uploads   1 --- n  parts (chain): a finished upload hands its chain to a version
    contents  n --- n  what refers to bytes is counted in `refs`; bytes stand in the row (small) or in a file (large)
    garbage            files that nothing refers to any more, to be unlinked

Whoever drops the last reference moves the file's name to `garbage` in the same transaction.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

FORMAT = 1
_TABLES = """
CREATE TABLE buckets (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  created INTEGER NOT NULL,
  region TEXT NOT NULL,
  owner TEXT NOT NULL,
  versioning TEXT NOT NULL DEFAULT '' CHECK (versioning IN ('', 'Enabled', 'Suspended')),
  settings TEXT NOT NULL DEFAULT '{}'
);
CREATE TABLE contents (
  id INTEGER PRIMARY KEY,
  refs INTEGER NOT NULL CHECK (refs > 0),
  size INTEGER NOT NULL,
  md5 BLOB NOT NULL,
  file TEXT UNIQUE,
  data BLOB,
  CHECK ((file IS NULL) <> (data IS NULL))
);
CREATE TABLE versions (
  bucket INTEGER NOT NULL REFERENCES buckets,
  key TEXT NOT NULL,
  age INTEGER NOT NULL CHECK (age < 0),
  version TEXT NOT NULL,
  marker INTEGER NOT NULL CHECK (marker IN (0, 1)),
  etag TEXT NOT NULL,
  size INTEGER NOT NULL,
  modified INTEGER NOT NULL,
  algorithm TEXT,
  checksum_type TEXT,
  checksum TEXT,
  parts INTEGER NOT NULL,
  content INTEGER REFERENCES contents,
  chain INTEGER,
  facts TEXT NOT NULL,
  PRIMARY KEY (bucket, key, age),
  CHECK (marker = (content IS NULL AND chain IS NULL)),
  CHECK (content IS NULL OR chain IS NULL)
) WITHOUT ROWID;
CREATE TABLE uploads (
  chain INTEGER PRIMARY KEY,
  bucket INTEGER NOT NULL REFERENCES buckets,
  key TEXT NOT NULL,
  id TEXT NOT NULL,
  started INTEGER NOT NULL,
  owner TEXT NOT NULL,
  algorithm TEXT,
  checksum_type TEXT,
  facts TEXT NOT NULL
);
CREATE UNIQUE INDEX uploads_by_key ON uploads (bucket, key, id);
CREATE TABLE parts (
  chain INTEGER NOT NULL,
  number INTEGER NOT NULL,
  start INTEGER NOT NULL DEFAULT 0,
  size INTEGER NOT NULL,
  etag TEXT NOT NULL,
  modified INTEGER NOT NULL,
  checksum TEXT,
  content INTEGER NOT NULL REFERENCES contents,
  PRIMARY KEY (chain, number)
) WITHOUT ROWID;
CREATE TABLE garbage (file TEXT PRIMARY KEY) WITHOUT ROWID;
"""


class WrongFormat(RuntimeError):
    """The folder holds an index of another format."""


def open_writer(path: Path) -> sqlite3.Connection:
    """The one connection that writes, its tables made when they are missing."""
    path.touch(mode=0o600)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA fullfsync = ON")
    connection.execute("PRAGMA checkpoint_fullfsync = ON")
    connection.execute("PRAGMA wal_autocheckpoint = 2000")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    connection.execute("PRAGMA cache_size = -8000")
    _prepare(connection, path)
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that only reads; it sees what is committed and never waits for the writer."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA cache_size = -8000")
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found == FORMAT:
        return
    if found:
        raise WrongFormat(
            f"cannot open {path}: it has format {found} and this version reads {FORMAT}; use a newer one"
        )
    connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {FORMAT}; COMMIT;")
