"""Writes that bring bytes: objects, parts and copies. First the bytes are made durable, then the index names them.

A blob is pinned from before it is placed until its commit is known, so that nobody takes it for garbage. When the
index does not take it, it is removed - unless nobody knows whether the index did: then the next collection tells.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from infra.object_store.checksums import Hasher, encode, verify
from infra.object_store.conditions import decide_copy_source
from infra.object_store.errors import StoreError
from infra.object_store.interface import Body
from infra.object_store.model import (
    MOST_PARTS,
    UNCHECKED,
    Algorithm,
    ByteRange,
    Checksum,
    Conditions,
    Expected,
    Facts,
    ObjectRef,
    Part,
    Written,
)
from infra.object_store.names import check_key, check_tags
from infra.object_store.store import objects, uploads
from infra.object_store.store.blobs import Blobs
from infra.object_store.store.bodies import MOST_INLINE, NewContent, StagedBody
from infra.object_store.store.contents import StoredContent
from infra.object_store.store.rows import Version
from infra.object_store.store.writer import Transaction, Writer

T = TypeVar("T")


class Open(Protocol):
    """How a copy reads its source."""

    def __call__(
        self, ref: ObjectRef, conditions: Conditions = ..., byte_range: ByteRange | None = ...
    ) -> StoredContent: ...


class Intake:
    """See interface.ObjectStore for what each call promises."""

    def __init__(self, blobs: Blobs, writer: Writer, threads: Executor, open_object: Open) -> None:
        self._blobs = blobs
        self._writer = writer
        self._threads = threads
        self._open = open_object

    async def put_object(
        self,
        ref: ObjectRef,
        body: Body | bytes,
        facts: Facts,
        conditions: Conditions,
        expected: Expected,
        algorithm: Algorithm | None,
    ) -> Written:
        check_key(ref.key)
        check_tags(facts.tags)
        chosen = expected.checksum.algorithm if expected.checksum else algorithm
        content = await self._receive(body, chosen, expected)
        checksum = _checksum(content, chosen)

        def put(transaction: Transaction) -> Written:
            etag = content.md5.hex()
            return objects.put_version(
                transaction, ref, content, etag, content.size, facts, conditions, checksum
            )

        return await self._commit(content, put)

    async def put_part(
        self,
        ref: ObjectRef,
        upload_id: str,
        number: int,
        body: Body | bytes,
        expected: Expected,
        algorithm: Algorithm | None,
    ) -> Part:
        """`algorithm`: the upload's."""
        check_part_number(number)
        given = expected.checksum.algorithm if expected.checksum else algorithm
        if given != algorithm and algorithm is not None:
            raise StoreError(
                "InvalidRequest",
                f"Checksum Type mismatch occurred, expected checksum Type: {algorithm.lower()}, "
                f"actual checksum Type: {str(given).lower()}",
            )
        content = await self._receive(body, given, expected)
        part = Part(number, content.md5.hex(), content.size, 0, _checksum(content, given))
        return await self._commit(
            content, lambda t: uploads.put_part(t, ref, upload_id, number, content, part)
        )

    async def copy_object(
        self,
        source: ObjectRef,
        target: ObjectRef,
        facts: Facts | None,
        tags: Mapping[str, str] | None,
        source_conditions: Conditions,
        conditions: Conditions,
        algorithm: Algorithm | None,
    ) -> Written:
        check_key(target.key)
        check_tags(tags or {})
        if facts is None and source == replace(target, version_id=None):
            raise StoreError(
                "InvalidRequest",
                "This copy request is illegal because it is trying to copy an object to itself without changing "
                "the object's metadata, storage class, website redirect location or encryption attributes.",
            )

        def share(transaction: Transaction) -> Written | Version:
            """The copy, when its bytes can be shared; otherwise the version that must be read."""
            found = _find_source(transaction, source, source_conditions)
            head = found.head
            kept = head.checksum.algorithm if head.checksum else None
            if found.content is None or algorithm not in (None, kept):
                return found
            objects.share_content(transaction.connection, found.content)
            chosen = _merge(head.facts, facts, tags)
            return objects.put_version(
                transaction, target, found.content, head.etag, head.size, chosen, conditions, head.checksum
            )

        done = await self.change(share)
        if isinstance(done, Written):
            return done
        head = done.head
        exact = replace(source, version_id=head.version_id)
        chosen = algorithm or (head.checksum.algorithm if head.checksum else None)
        body = await self._read(exact, Conditions(if_match=(head.etag,)), None, chosen)
        merged = _merge(head.facts, facts, tags)
        return await self.put_object(target, body, merged, conditions, UNCHECKED, chosen)

    async def copy_part(
        self,
        ref: ObjectRef,
        upload_id: str,
        number: int,
        source: ObjectRef,
        byte_range: ByteRange | None,
        source_conditions: Conditions,
        algorithm: Algorithm | None,
    ) -> Part:
        check_part_number(number)

        def share(transaction: Transaction) -> Part | None:
            found = _find_source(transaction, source, source_conditions)
            if found.content is None or byte_range is not None or algorithm is not None:
                return None
            objects.share_content(transaction.connection, found.content)
            part = Part(number, found.head.etag, found.head.size, 0)
            return uploads.put_part(transaction, ref, upload_id, number, found.content, part)

        done = await self.change(share)
        if done is not None:
            return done
        body = await self._read(source, source_conditions, byte_range, algorithm)
        return await self.put_part(ref, upload_id, number, body, UNCHECKED, algorithm)

    async def change(self, operation: Callable[[Transaction], T]) -> T:
        """Run a change in the next batch and wait for the disk; a cancelled caller does not call it back."""
        answer: T = await asyncio.shield(self._writer.submit(operation))
        return answer

    async def _read(
        self,
        source: ObjectRef,
        conditions: Conditions,
        byte_range: ByteRange | None,
        algorithm: Algorithm | None,
    ) -> StagedBody:
        body = StagedBody(self._blobs, self._threads, [algorithm] if algorithm else [])
        try:
            with self._open(source, conditions, byte_range) as content:
                if (
                    byte_range is not None
                    and byte_range.last is not None
                    and byte_range.last >= content.total
                ):
                    raise StoreError(
                        "InvalidArgument",
                        f"Range specified is not valid for source object of size: {content.total}",
                    )
                async for chunk in content.chunks():
                    await body.write(chunk)
        except BaseException:
            await body.discard()
            raise
        return body

    async def _receive(
        self, body: Body | bytes, algorithm: Algorithm | None, expected: Expected
    ) -> NewContent:
        """The bytes, checked and durable (or small)."""
        algorithms = [algorithm] if algorithm else []
        if isinstance(body, bytes) and len(body) <= MOST_INLINE:
            hasher = Hasher(algorithms)
            hasher.update(body)
            digests = hasher.digests()
            verify(expected, digests)
            return NewContent(len(body), digests, data=body)
        if isinstance(body, bytes):
            whole, body = body, StagedBody(self._blobs, self._threads, algorithms)
            await body.write(whole)
        if not isinstance(body, StagedBody):
            raise TypeError("a body must come from this store's receive()")
        try:
            found = await body.finish()
            if algorithm is not None and algorithm not in found:
                raise StoreError(
                    "InvalidRequest", f"cannot check the {algorithm}: the body was not received with it"
                )
            verify(expected, found)
            return await body.place()
        except BaseException:
            await body.discard()
            raise

    async def _commit(self, content: NewContent, operation: Callable[[Transaction], T]) -> T:
        future = self._writer.submit(operation)
        if content.file is not None:
            name = content.file
            future.add_done_callback(lambda done: self._settle(name, done))
        answer: T = await asyncio.shield(future)
        return answer

    def _settle(self, name: str, done: asyncio.Future[Any]) -> None:
        error = done.exception()
        if isinstance(error, StoreError) and error.code != "InternalError":
            self._blobs.remove(name)
        self._blobs.unpin(name)


def check_part_number(number: int) -> None:
    if not 1 <= number <= MOST_PARTS:
        raise StoreError(
            "InvalidArgument",
            f"Part number must be an integer between 1 and {MOST_PARTS}, inclusive",
            ArgumentName="partNumber",
            ArgumentValue=str(number),
        )


def _find_source(transaction: Transaction, source: ObjectRef, conditions: Conditions) -> Version:
    stored = transaction.catalogue.get(source.bucket)
    found = objects.get_version(transaction.connection, stored.id, source)
    decide_copy_source(conditions, found.head)
    return found


def _merge(old: Facts, facts: Facts | None, tags: Mapping[str, str] | None) -> Facts:
    base = old if facts is None else facts
    return replace(base, tags=old.tags if tags is None else tags)


def _checksum(content: NewContent, algorithm: Algorithm | None) -> Checksum | None:
    return Checksum(algorithm, encode(content.digests[algorithm])) if algorithm else None
