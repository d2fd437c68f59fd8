"""The store as one object: reads on the event loop, writes through the group commit. See interface.ObjectStore.

`open_store` takes the folder for this process alone: a second one is told so, and kill -9 frees it.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from infra.object_store.errors import StoreError
from infra.object_store.interface import Body, ObjectStore
from infra.object_store.model import (
    NO_CONDITIONS,
    NO_FACTS,
    UNCHECKED,
    Algorithm,
    Bucket,
    ByteRange,
    Change,
    Checksum,
    ChecksumType,
    ClaimedPart,
    Conditions,
    Deleted,
    Expected,
    Facts,
    LifecycleRule,
    Listing,
    ObjectHead,
    ObjectRef,
    Part,
    PartsPage,
    PublicAccessBlock,
    Report,
    Upload,
    UploadsPage,
    Versioning,
    Written,
)
from infra.object_store.names import check_key, check_tags
from infra.object_store.store import buckets, listings, objects, uploads
from infra.object_store.store.blobs import Blobs, sync_folder
from infra.object_store.store.bodies import StagedBody
from infra.object_store.store.catalogue import Catalogue
from infra.object_store.store.contents import StoredContent
from infra.object_store.store.expiry import expire
from infra.object_store.store.fsck import check_living
from infra.object_store.store.intake import Intake
from infra.object_store.store.locking import take_folder
from infra.object_store.store.outlet import Outlet
from infra.object_store.store.schema import open_reader, open_writer
from infra.object_store.store.sweeper import Sweeper
from infra.object_store.store.writer import Outcome, Told, Transaction, Writer

T = TypeVar("T")
_THREADS = 8
"""For hashing, files and fsyncs; made when first needed."""


async def open_store(folder: Path, clock: Callable[[], float]) -> Store:
    """Open the store of a folder, made when it is missing; heals what a crash left. Raises StoreTaken."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = take_folder(folder)
    try:
        blobs = Blobs(folder)
        blobs.prepare()
        blobs.keep_reserve()
        index = folder / "index.db"
        store = Store(folder, lock, open_writer(index), open_reader(index), blobs, clock)
        sync_folder(folder)
        sync_folder(folder.parent)
    except BaseException:
        os.close(lock)
        raise
    store.sweeper.wake()
    return store


class Store(ObjectStore):
    """See interface.ObjectStore. Belongs to the event loop it was opened on."""

    def __init__(
        self,
        folder: Path,
        lock: int,
        writing: sqlite3.Connection,
        reading: sqlite3.Connection,
        blobs: Blobs,
        clock: Callable[[], float],
    ) -> None:
        self.folder = folder
        self.blobs = blobs
        self._lock = lock
        self._reading = reading
        self._listeners: list[Told] = []
        self._catalogue = Catalogue(reading)
        self._threads = ThreadPoolExecutor(_THREADS, "store")
        self.writer = Writer(writing, clock, self._after_commit)
        self.sweeper = Sweeper(blobs, reading, self.writer, self._threads)
        self._outlet = Outlet(reading, self._catalogue, blobs, self._threads)
        self._intake = Intake(blobs, self.writer, self._threads, self.open_object)
        self.change = self._intake.change

    # Buckets

    def get_bucket(self, name: str) -> Bucket:
        return self._catalogue.get(name).bucket

    def list_buckets(self) -> tuple[Bucket, ...]:
        return buckets.list_buckets(self._reading)

    async def create_bucket(self, name: str, owner: str = "", region: str = "us-east-1") -> Bucket:
        return await self.change(lambda t: buckets.create_bucket(t, name, owner, region))

    async def delete_bucket(self, name: str) -> None:
        await self.change(lambda t: buckets.delete_bucket(t, name))

    async def set_versioning(self, name: str, versioning: Versioning) -> None:
        await self.change(lambda t: buckets.set_versioning(t, name, versioning))

    async def set_public_access_block(self, name: str, block: PublicAccessBlock | None) -> None:
        await self.change(lambda t: buckets.set_public_access_block(t, name, block))

    async def set_bucket_tags(self, name: str, tags: Mapping[str, str] | None) -> None:
        check_tags(tags or {}, 50)
        await self.change(lambda t: buckets.set_setting(t, name, "tags", dict(tags) if tags else None))

    async def set_bucket_policy(self, name: str, policy: str | None) -> None:
        await self.change(lambda t: buckets.set_setting(t, name, "policy", policy))

    async def set_lifecycle(self, name: str, rules: Sequence[LifecycleRule] | None) -> None:
        await self.change(lambda t: buckets.set_lifecycle(t, name, rules))

    # Objects

    def receive(self, algorithms: Sequence[Algorithm] = ()) -> StagedBody:
        return StagedBody(self.blobs, self._threads, algorithms)

    async def put_object(
        self,
        ref: ObjectRef,
        body: Body | bytes,
        facts: Facts = NO_FACTS,
        conditions: Conditions = NO_CONDITIONS,
        expected: Expected = UNCHECKED,
        algorithm: Algorithm | None = None,
    ) -> Written:
        return await self._intake.put_object(ref, body, facts, conditions, expected, algorithm)

    def head_object(
        self, ref: ObjectRef, conditions: Conditions = NO_CONDITIONS, part: int | None = None
    ) -> ObjectHead:
        return self._outlet.head(ref, conditions, part)

    def open_object(
        self,
        ref: ObjectRef,
        conditions: Conditions = NO_CONDITIONS,
        byte_range: ByteRange | None = None,
        part: int | None = None,
    ) -> StoredContent:
        return self._outlet.open(ref, conditions, byte_range, part)

    async def delete_object(self, ref: ObjectRef, conditions: Conditions = NO_CONDITIONS) -> Deleted:
        return await self._free(lambda t: objects.delete_version(t, ref, conditions))

    async def delete_objects(
        self, bucket: str, refs: Sequence[tuple[ObjectRef, Conditions]]
    ) -> tuple[Deleted | StoreError, ...]:
        self.get_bucket(bucket)
        waiting = [asyncio.ensure_future(self.delete_object(ref, conditions)) for ref, conditions in refs]
        return tuple(_answer(item) for item in await asyncio.gather(*waiting, return_exceptions=True))

    async def copy_object(
        self,
        source: ObjectRef,
        target: ObjectRef,
        facts: Facts | None = None,
        tags: Mapping[str, str] | None = None,
        source_conditions: Conditions = NO_CONDITIONS,
        conditions: Conditions = NO_CONDITIONS,
        algorithm: Algorithm | None = None,
    ) -> Written:
        return await self._intake.copy_object(
            source, target, facts, tags, source_conditions, conditions, algorithm
        )

    def get_tags(self, ref: ObjectRef) -> ObjectHead:
        return self._outlet.head(ref, NO_CONDITIONS, None)

    async def set_tags(self, ref: ObjectRef, tags: Mapping[str, str]) -> ObjectHead:
        check_tags(tags)
        return (await self.change(lambda t: objects.set_tags(t, ref, dict(tags)))).head

    # Listings

    def list_objects(
        self, bucket: str, prefix: str = "", delimiter: str = "", after: str = "", limit: int = 1000
    ) -> Listing:
        return listings.list_objects(
            self._reading, self._catalogue.get(bucket).id, prefix, delimiter, after, limit
        )

    def list_versions(
        self,
        bucket: str,
        prefix: str = "",
        delimiter: str = "",
        after: str = "",
        after_version: str = "",
        limit: int = 1000,
    ) -> Listing:
        return listings.list_versions(
            self._reading, self._catalogue.get(bucket).id, prefix, delimiter, after, after_version, limit
        )

    # Multipart

    async def create_upload(
        self,
        ref: ObjectRef,
        facts: Facts = NO_FACTS,
        algorithm: Algorithm | None = None,
        checksum_type: ChecksumType | None = None,
        owner: str = "",
    ) -> Upload:
        check_key(ref.key)
        check_tags(facts.tags)
        return await self.change(
            lambda t: uploads.create_upload(t, ref, facts, algorithm, checksum_type, owner)
        )

    def get_upload(self, ref: ObjectRef, upload_id: str) -> Upload:
        return uploads.get_upload(self._reading, self._catalogue.get(ref.bucket), ref, upload_id)[1]

    async def put_part(
        self, ref: ObjectRef, upload_id: str, number: int, body: Body | bytes, expected: Expected = UNCHECKED
    ) -> Part:
        algorithm = self.get_upload(ref, upload_id).algorithm
        return await self._intake.put_part(ref, upload_id, number, body, expected, algorithm)

    async def copy_part(
        self,
        ref: ObjectRef,
        upload_id: str,
        number: int,
        source: ObjectRef,
        byte_range: ByteRange | None = None,
        source_conditions: Conditions = NO_CONDITIONS,
    ) -> Part:
        algorithm = self.get_upload(ref, upload_id).algorithm
        return await self._intake.copy_part(
            ref, upload_id, number, source, byte_range, source_conditions, algorithm
        )

    def list_parts(self, ref: ObjectRef, upload_id: str, after: int = 0, limit: int = 1000) -> PartsPage:
        return uploads.list_parts(
            self._reading, self._catalogue.get(ref.bucket), ref, upload_id, after, limit
        )

    async def complete_upload(
        self,
        ref: ObjectRef,
        upload_id: str,
        parts: Sequence[ClaimedPart],
        conditions: Conditions = NO_CONDITIONS,
        checksum: Checksum | None = None,
        size: int | None = None,
    ) -> Written:
        return await self.change(
            lambda t: uploads.complete_upload(t, ref, upload_id, parts, conditions, checksum, size)
        )

    async def abort_upload(self, ref: ObjectRef, upload_id: str) -> None:
        await self._free(lambda t: uploads.abort_upload(t, ref, upload_id))

    def list_uploads(
        self,
        bucket: str,
        prefix: str = "",
        delimiter: str = "",
        after: str = "",
        after_upload: str = "",
        limit: int = 1000,
    ) -> UploadsPage:
        return listings.list_uploads(
            self._reading, self._catalogue.get(bucket), prefix, delimiter, after, after_upload, limit
        )

    # The rest

    def listen(self, told: Told) -> Callable[[], None]:
        self._listeners.append(told)
        return lambda: self._listeners.remove(told)

    async def collect(self) -> int:
        return await self.sweeper.collect()

    async def expire(self, now: float) -> int:
        done = 0
        for bucket in self.list_buckets():
            if bucket.lifecycle:
                done += await expire(self._reading, self.writer, self._catalogue.get(bucket.name), now)
        return done

    async def check(self) -> Report:
        return await asyncio.get_running_loop().run_in_executor(self._threads, check_living, self.folder)

    async def close(self) -> None:
        await self.sweeper.close()
        await self.writer.close()
        self._threads.shutdown()
        self._reading.close()
        os.close(self._lock)

    async def _free(self, operation: Callable[[Transaction], T]) -> T:
        """A change that makes room, but must write first: on a full disk it takes the reserve."""
        try:
            return await self.change(operation)
        except StoreError as refused:
            if refused.code != "InsufficientStorage" or not self.blobs.give_up_reserve():
                raise
        return await self.change(operation)

    def _after_commit(self, outcome: Outcome) -> None:
        if outcome.bucket_changed:
            self._catalogue.forget()
        if outcome.garbage:
            self.sweeper.wake()
        if outcome.changes:
            for told in tuple(self._listeners):
                self._tell(told, outcome.changes)

    def _tell(self, told: Told, changes: Sequence[Change]) -> None:
        """A listener that fails is reported; the writes it was told of stand."""
        try:
            told(changes)
        except Exception as error:
            context = {"message": "a listener of the object store failed", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)


def _answer(item: Deleted | BaseException) -> Deleted | StoreError:
    if isinstance(item, StoreError | Deleted):
        return item
    raise item
