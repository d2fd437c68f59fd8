"""What the object store holds and answers: plain values, no behaviour, no SQL, no HTTP.

Times are seconds since the epoch, rounded to milliseconds. ETags carry no quotes. Checksums are base64 as on the
wire. A version that belongs to no versioning has the id "null".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

NULL_VERSION = "null"
MOST_PARTS = 10_000
"""Parts of one upload, and the highest number of one."""
Versioning = Literal["", "Enabled", "Suspended"]
Algorithm = Literal["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]
ChecksumType = Literal["FULL_OBJECT", "COMPOSITE"]
ProblemKind = Literal[
    "index", "missing", "size", "hash", "version", "references", "stray parts", "stray blob"
]


@dataclass(frozen=True, slots=True)
class PublicAccessBlock:
    block_public_acls: bool = False
    ignore_public_acls: bool = False
    block_public_policy: bool = False
    restrict_public_buckets: bool = False


@dataclass(frozen=True, slots=True)
class LifecycleRule:
    """One rule of expiry. A filter holds when prefix, every tag and both size limits hold."""

    id: str = ""
    enabled: bool = True
    prefix: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    larger_than: int | None = None
    smaller_than: int | None = None
    expire_days: int | None = None
    expire_date: float | None = None
    expire_lone_markers: bool = False
    noncurrent_days: int | None = None
    noncurrent_kept: int = 0
    abort_upload_days: int | None = None
    source: str = ""
    """What the edge wants back verbatim, e.g. the rule's own XML (whether it said Prefix or Filter)."""


@dataclass(frozen=True, slots=True)
class Bucket:
    name: str
    created: float
    region: str = "us-east-1"
    owner: str = ""
    versioning: Versioning = ""
    public_access_block: PublicAccessBlock | None = None
    tags: Mapping[str, str] | None = None
    policy: str | None = None
    lifecycle: tuple[LifecycleRule, ...] | None = None


@dataclass(frozen=True, slots=True)
class Checksum:
    algorithm: Algorithm
    value: str
    type: ChecksumType = "FULL_OBJECT"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a caller says about an object. `headers`: lower-case system headers (content-type, cache-control,
    content-disposition, content-encoding, content-language, expires ...), kept and given back as they are."""

    headers: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Expected:
    """What the caller says of the body; a body that differs is refused with BadDigest and leaves nothing."""

    md5: bytes | None = None
    checksum: Checksum | None = None


@dataclass(frozen=True, slots=True)
class Conditions:
    """If-Match & co. Tags without quotes, "*" for any; several as the header lists them."""

    if_match: tuple[str, ...] | None = None
    if_none_match: tuple[str, ...] | None = None
    if_modified_since: float | None = None
    if_unmodified_since: float | None = None


NO_CONDITIONS = Conditions()
NO_FACTS = Facts()
UNCHECKED = Expected()


@dataclass(frozen=True, slots=True)
class ByteRange:
    """`bytes=first-last`; last None: to the end; first None: the last `last` bytes."""

    first: int | None
    last: int | None


@dataclass(frozen=True, slots=True)
class ObjectRef:
    bucket: str
    key: str
    version_id: str | None = None


@dataclass(frozen=True, slots=True)
class ObjectHead:
    """One version: everything about it except its bytes."""

    key: str
    version_id: str
    latest: bool
    delete_marker: bool
    etag: str
    size: int
    modified: float
    facts: Facts = NO_FACTS
    checksum: Checksum | None = None
    parts: int = 0
    """How many parts it was uploaded in; 0 for an object put as a whole."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a listing."""

    key: str
    etag: str
    size: int
    modified: float
    version_id: str = NULL_VERSION
    latest: bool = True
    delete_marker: bool = False
    checksum_algorithm: Algorithm | None = None
    checksum_type: ChecksumType | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of keys (or versions) and common prefixes, each in UTF-8 byte order.

    When `truncated`, ask again with after = next_after (list_objects) or with both next_after and next_version
    (list_versions).
    """

    entries: tuple[Entry, ...]
    prefixes: tuple[str, ...] = ()
    truncated: bool = False
    next_after: str = ""
    next_version: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    """A write the disk has. `version_id` is None in a bucket that never had versioning."""

    etag: str
    size: int
    modified: float
    version_id: str | None = None
    checksum: Checksum | None = None


@dataclass(frozen=True, slots=True)
class Deleted:
    """`version_id`: the version removed, or the delete marker made; `delete_marker`: whether it was or is one."""

    key: str
    version_id: str | None = None
    delete_marker: bool = False


@dataclass(frozen=True, slots=True)
class Upload:
    """A multipart upload in progress."""

    id: str
    bucket: str
    key: str
    started: float
    facts: Facts = NO_FACTS
    algorithm: Algorithm | None = None
    checksum_type: ChecksumType | None = None
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    number: int
    etag: str
    size: int
    modified: float
    checksum: Checksum | None = None


@dataclass(frozen=True, slots=True)
class ClaimedPart:
    """A part as CompleteMultipartUpload names it."""

    number: int
    etag: str
    checksum: Checksum | None = None


@dataclass(frozen=True, slots=True)
class PartsPage:
    upload: Upload
    parts: tuple[Part, ...]
    truncated: bool = False
    next_after: int = 0


@dataclass(frozen=True, slots=True)
class UploadsPage:
    uploads: tuple[Upload, ...]
    prefixes: tuple[str, ...] = ()
    truncated: bool = False
    next_key: str = ""
    next_upload: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """Told to listeners after the disk has it."""

    bucket: str
    key: str
    event: Literal["put", "delete"]


@dataclass(frozen=True, slots=True)
class Problem:
    kind: ProblemKind
    what: str
    content: int | None = None
    repaired: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found; `clean` when nothing that is not repaired is wrong."""

    problems: tuple[Problem, ...]
    versions: int
    contents: int
    size: int

    @property
    def clean(self) -> bool:
        return all(problem.repaired for problem in self.problems)
