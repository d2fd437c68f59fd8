"""What the HTTP edge may ask of the object store, and nothing else.

Reads are plain calls: an index look-up of some 20 microseconds, made to be called on the event loop. Writes are
coroutines that return when the disk has the change; many of them in flight share one fsync. Every refusal is a
StoreError with S3's code. Everything belongs to the event loop the store was opened on.

    body = store.receive(["CRC32"])             # any size; memory stays below a few MiB
    async for chunk in request: await body.write(chunk)
    written = await store.put_object(ObjectRef("b", "k"), body, facts, conditions, Expected(checksum=...))

    with store.open_object(ObjectRef("b", "k"), byte_range=ByteRange(0, 99)) as content:
        content.head, content.start, content.length
        if content.data is not None: ...            # small: all of it
        async for chunk in content.chunks(): ...    # any size
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol

from infra.object_store.errors import StoreError
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


class Body(Protocol):
    """Bytes on their way in. A body that is not handed to a write must be discarded."""

    @property
    def size(self) -> int:
        """Bytes received so far."""

    async def write(self, chunk: bytes) -> None:
        """Take some bytes; waits while the disk is behind. Raises InsufficientStorage."""

    async def finish(self) -> Mapping[str, bytes]:
        """No more bytes: raw digests, "MD5" and each algorithm asked for. Idempotent; writes call it themselves.

        For what only the edge can check before the write, e.g. x-amz-content-sha256.
        """

    async def discard(self) -> None:
        """Forget it and free its room. Idempotent, and harmless after a write took it."""


class Content(AbstractContextManager["Content"], Protocol):
    """An object being read. Close it (or use `with`): while open, its bytes stay although it be deleted."""

    head: ObjectHead
    start: int
    length: int
    total: int
    """Size of the whole object, as in Content-Range."""
    partial: bool
    """Whether a range or a part was asked for: 206."""
    data: bytes | None
    """The bytes, when they are few; otherwise None."""

    def chunks(self, size: int = 1 << 20) -> AsyncIterator[bytes]:
        """The bytes in pieces of at most `size`, read ahead by one in a thread."""

    def close(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class ObjectStore(Protocol):
    # Buckets. get_bucket raises NoSuchBucket, as does everything below that names a bucket.
    def get_bucket(self, name: str) -> Bucket: ...
    def list_buckets(self) -> tuple[Bucket, ...]: ...
    async def create_bucket(self, name: str, owner: str = "", region: str = "us-east-1") -> Bucket:
        """BucketAlreadyOwnedByYou or BucketAlreadyExists (other owner), InvalidBucketName."""

    async def delete_bucket(self, name: str) -> None:
        """BucketNotEmpty while any version or delete marker is in it; unfinished uploads end with it."""

    async def set_versioning(self, name: str, versioning: Versioning) -> None: ...
    async def set_public_access_block(self, name: str, block: PublicAccessBlock | None) -> None: ...
    async def set_bucket_tags(self, name: str, tags: Mapping[str, str] | None) -> None: ...
    async def set_bucket_policy(self, name: str, policy: str | None) -> None: ...
    async def set_lifecycle(self, name: str, rules: Sequence[LifecycleRule] | None) -> None: ...

    # Objects
    def receive(self, algorithms: Sequence[Algorithm] = ()) -> Body: ...

    async def put_object(
        self,
        ref: ObjectRef,
        body: Body | bytes,
        facts: Facts = NO_FACTS,
        conditions: Conditions = NO_CONDITIONS,
        expected: Expected = UNCHECKED,
        algorithm: Algorithm | None = None,
    ) -> Written:
        """Keeps the checksum of `expected.checksum` or else of `algorithm`. PreconditionFailed, BadDigest,
        KeyTooLongError, InsufficientStorage. `ref.version_id` is not looked at."""

    def head_object(
        self, ref: ObjectRef, conditions: Conditions = NO_CONDITIONS, part: int | None = None
    ) -> ObjectHead:
        """NoSuchKey, NoSuchVersion, MethodNotAllowed (a delete marker asked for by version; NoSuchKey with the
        field DeleteMarker when it is the latest), NotModified, PreconditionFailed, InvalidPartNumber."""

    def open_object(
        self,
        ref: ObjectRef,
        conditions: Conditions = NO_CONDITIONS,
        byte_range: ByteRange | None = None,
        part: int | None = None,
    ) -> Content:
        """As head_object, and InvalidRange (field ActualObjectSize). With `part`, counted from 1, the head's
        checksum is that part's own."""

    async def delete_object(self, ref: ObjectRef, conditions: Conditions = NO_CONDITIONS) -> Deleted:
        """Nothing to delete is no error; only with If-Match it is NoSuchKey, and a mismatch PreconditionFailed."""

    async def delete_objects(
        self, bucket: str, refs: Sequence[tuple[ObjectRef, Conditions]]
    ) -> tuple[Deleted | StoreError, ...]:
        """One answer per ref, in order."""

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
        """`facts` None copies headers and metadata, otherwise they replace; `tags` None copies the tags. An object
        in one piece shares its bytes; others are read once. InvalidRequest for a copy onto itself that
        changes nothing."""

    def get_tags(self, ref: ObjectRef) -> ObjectHead: ...
    async def set_tags(self, ref: ObjectRef, tags: Mapping[str, str]) -> ObjectHead: ...

    # Listings: keys in UTF-8 byte order; `after` is exclusive and hides common prefixes that are not beyond it.
    def list_objects(
        self, bucket: str, prefix: str = "", delimiter: str = "", after: str = "", limit: int = 1000
    ) -> Listing: ...

    def list_versions(
        self,
        bucket: str,
        prefix: str = "",
        delimiter: str = "",
        after: str = "",
        after_version: str = "",
        limit: int = 1000,
    ) -> Listing: ...

    # Multipart. NoSuchUpload when bucket, key and id do not belong together.
    async def create_upload(
        self,
        ref: ObjectRef,
        facts: Facts = NO_FACTS,
        algorithm: Algorithm | None = None,
        checksum_type: ChecksumType | None = None,
        owner: str = "",
    ) -> Upload: ...

    def get_upload(self, ref: ObjectRef, upload_id: str) -> Upload: ...

    async def put_part(
        self, ref: ObjectRef, upload_id: str, number: int, body: Body | bytes, expected: Expected = UNCHECKED
    ) -> Part: ...

    async def copy_part(
        self,
        ref: ObjectRef,
        upload_id: str,
        number: int,
        source: ObjectRef,
        byte_range: ByteRange | None = None,
        source_conditions: Conditions = NO_CONDITIONS,
    ) -> Part: ...

    def list_parts(self, ref: ObjectRef, upload_id: str, after: int = 0, limit: int = 1000) -> PartsPage: ...

    async def complete_upload(
        self,
        ref: ObjectRef,
        upload_id: str,
        parts: Sequence[ClaimedPart],
        conditions: Conditions = NO_CONDITIONS,
        checksum: Checksum | None = None,
        size: int | None = None,
    ) -> Written:
        """InvalidPart, InvalidPartOrder, EntityTooSmall, BadDigest, InvalidRequest. Again after it succeeded:
        the same answer, as long as the object is there."""

    async def abort_upload(self, ref: ObjectRef, upload_id: str) -> None: ...

    def list_uploads(
        self,
        bucket: str,
        prefix: str = "",
        delimiter: str = "",
        after: str = "",
        after_upload: str = "",
        limit: int = 1000,
    ) -> UploadsPage: ...

    # The rest
    def listen(self, told: Callable[[Sequence[Change]], None]) -> Callable[[], None]:
        """Call `told` on the loop after each commit, with its changes; the answer ends it."""

    async def collect(self) -> int:
        """Unlink what nobody refers to, also what a crash left, and shrink the index; how many files. Ask for it
        now and then, e.g. hourly: it looks at every blob's name."""

    async def expire(self, now: float) -> int:
        """Carry out the lifecycle rules of all buckets as of `now`; how many versions and uploads it touched."""

    async def check(self) -> Report:
        """Verify every byte against the index while the store works. `store.fsck.check_folder` also repairs."""

    async def close(self) -> None:
        """Finish what is in flight, then release the folder."""
