"""Buckets and their settings. Functions of one transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from infra.object_store.errors import StoreError
from infra.object_store.model import Bucket, LifecycleRule, PublicAccessBlock, Versioning
from infra.object_store.names import check_bucket_name
from infra.object_store.store.rows import read_bucket
from infra.object_store.store.uploads import drop_upload
from infra.object_store.store.writer import Transaction


def list_buckets(connection: sqlite3.Connection) -> tuple[Bucket, ...]:
    rows = connection.execute(
        "SELECT id, name, created, region, owner, versioning, settings FROM buckets ORDER BY name"
    )
    return tuple(read_bucket(row).bucket for row in rows)


def create_bucket(transaction: Transaction, name: str, owner: str, region: str) -> Bucket:
    check_bucket_name(name)
    there = transaction.catalogue.find(name)
    if there is not None and there.bucket.owner == owner:
        raise StoreError(
            "BucketAlreadyOwnedByYou",
            "Your previous request to create the named bucket succeeded and you already own it.",
            BucketName=name,
        )
    if there is not None:
        raise StoreError(
            "BucketAlreadyExists", "The requested bucket name is not available.", BucketName=name
        )
    transaction.connection.execute(
        "INSERT INTO buckets (name, created, region, owner) VALUES (?, ?, ?, ?)",
        (name, transaction.now, region, owner),
    )
    transaction.change_buckets()
    return Bucket(name, transaction.now / 1000, region, owner)


def delete_bucket(transaction: Transaction, name: str) -> None:
    stored = transaction.catalogue.get(name)
    connection = transaction.connection
    if connection.execute("SELECT 1 FROM versions WHERE bucket = ? LIMIT 1", (stored.id,)).fetchone():
        raise StoreError("BucketNotEmpty", "The bucket you tried to delete is not empty", BucketName=name)
    for (chain,) in connection.execute("SELECT chain FROM uploads WHERE bucket = ?", (stored.id,)).fetchall():
        drop_upload(transaction, chain)
    connection.execute("DELETE FROM buckets WHERE id = ?", (stored.id,))
    transaction.change_buckets()


def set_versioning(transaction: Transaction, name: str, versioning: Versioning) -> None:
    """Once versioned, a bucket can only be suspended, never be as if it had not been."""
    stored = transaction.catalogue.get(name)
    if not versioning and stored.bucket.versioning:
        raise StoreError("InvalidBucketState", "cannot take versioning back: suspend it instead")
    transaction.connection.execute("UPDATE buckets SET versioning = ? WHERE id = ?", (versioning, stored.id))
    transaction.change_buckets()


def set_setting(transaction: Transaction, name: str, setting: str, value: Any) -> None:
    """Keep one of policy, tags, public_access_block, lifecycle; None forgets it."""
    stored = transaction.catalogue.get(name)
    (text,) = transaction.connection.execute(
        "SELECT settings FROM buckets WHERE id = ?", (stored.id,)
    ).fetchone()
    settings = json.loads(text)
    settings[setting] = value
    kept = {key: held for key, held in settings.items() if held is not None}
    transaction.connection.execute(
        "UPDATE buckets SET settings = ? WHERE id = ?", (json.dumps(kept), stored.id)
    )
    transaction.change_buckets()


def set_public_access_block(transaction: Transaction, name: str, block: PublicAccessBlock | None) -> None:
    set_setting(transaction, name, "public_access_block", asdict(block) if block else None)


def set_lifecycle(transaction: Transaction, name: str, rules: Sequence[LifecycleRule] | None) -> None:
    kept = None if rules is None else [{**asdict(rule), "tags": dict(rule.tags)} for rule in rules]
    set_setting(transaction, name, "lifecycle", kept)
