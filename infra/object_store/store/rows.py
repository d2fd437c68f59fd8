"""Rows of the index and the values they stand for."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from infra.object_store.model import (
    NO_FACTS,
    NULL_VERSION,
    Bucket,
    Checksum,
    Entry,
    Facts,
    LifecycleRule,
    ObjectHead,
    PublicAccessBlock,
)

VERSION_COLUMNS = (
    "key, age, version, marker, etag, size, modified, algorithm, checksum_type, checksum, parts, content, chain,"
    " facts"
)
_encode = json.JSONEncoder(ensure_ascii=False).encode
ENTRY_COLUMNS = "key, etag, size, modified, version, marker, algorithm, checksum_type"


@dataclass(frozen=True, slots=True)
class Version:
    """A version as it stands in the index."""

    head: ObjectHead
    age: int
    content: int | None
    chain: int | None


@dataclass(frozen=True, slots=True)
class StoredBucket:
    id: int
    bucket: Bucket


def read_version(row: tuple[Any, ...], latest: bool) -> Version:
    (
        key,
        age,
        version,
        marker,
        etag,
        size,
        modified,
        algorithm,
        kind,
        checksum,
        parts,
        content,
        chain,
        facts,
    ) = row[:14]
    kept = Checksum(algorithm, checksum, kind) if checksum else None
    head = ObjectHead(
        key, version, latest, bool(marker), etag, size, modified / 1000, read_facts(facts), kept, parts
    )
    return Version(head, age, content, chain)


def read_entry(row: tuple[Any, ...], latest: bool) -> Entry:
    key, etag, size, modified, version, marker, algorithm, kind = row
    return Entry(key, etag, size, modified / 1000, version, latest, bool(marker), algorithm, kind)


def write_facts(facts: Facts) -> str:
    if not (facts.headers or facts.metadata or facts.tags):
        return ""
    return _encode([dict(facts.headers), dict(facts.metadata), dict(facts.tags)])


def read_facts(text: str) -> Facts:
    return Facts(*json.loads(text)) if text else NO_FACTS


def read_bucket(row: tuple[Any, ...]) -> StoredBucket:
    number, name, created, region, owner, versioning, text = row
    settings = json.loads(text)
    block, rules = settings.get("public_access_block"), settings.get("lifecycle")
    return StoredBucket(
        number,
        Bucket(
            name,
            created / 1000,
            region,
            owner,
            versioning,
            PublicAccessBlock(**block) if block else None,
            settings.get("tags"),
            settings.get("policy"),
            tuple(LifecycleRule(**rule) for rule in rules) if rules is not None else None,
        ),
    )


def shown_version(version: str, versioning: str) -> str | None:
    """The version id as an answer tells it: none at all in a bucket that never had versioning."""
    return None if version == NULL_VERSION and not versioning else version


def find_bucket_row(connection: sqlite3.Connection, name: str) -> StoredBucket | None:
    row = connection.execute(
        "SELECT id, name, created, region, owner, versioning, settings FROM buckets WHERE name = ?", (name,)
    ).fetchone()
    return read_bucket(row) if row else None
