"""Every operation of S3 that this store answers: how a request names it, and the permission it needs. Pure.

This table is the only place that says what there is and who may do it. `resource` is what the permission is asked
on: "*" the service, "bucket" the bucket's ARN, "object" the key's. An action with a version's name is asked for when
the request names a version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from infra.object_store.http.errors import invalid_argument, not_implemented, refuse
from infra.object_store.http.request import Address, Head


@dataclass(frozen=True, slots=True)
class Operation:
    """One row. `sub`: the query parameter that selects it; `header`: the header that does.

    `after_body`: what policies ask about is in the body, so the handler asks for the permission when it has read it.
    """

    name: str
    method: str
    level: str
    sub: str | None
    action: str
    resource: str
    version_action: str = ""
    header: str | None = None
    after_body: bool = False


OPERATIONS: tuple[Operation, ...] = (
    Operation("ListBuckets", "GET", "service", None, "s3:ListAllMyBuckets", "*"),
    # buckets
    Operation("CreateBucket", "PUT", "bucket", None, "s3:CreateBucket", "bucket"),
    Operation("HeadBucket", "HEAD", "bucket", None, "s3:ListBucket", "bucket"),
    Operation("DeleteBucket", "DELETE", "bucket", None, "s3:DeleteBucket", "bucket"),
    Operation("GetBucketLocation", "GET", "bucket", "location", "s3:GetBucketLocation", "bucket"),
    Operation("GetBucketVersioning", "GET", "bucket", "versioning", "s3:GetBucketVersioning", "bucket"),
    Operation("PutBucketVersioning", "PUT", "bucket", "versioning", "s3:PutBucketVersioning", "bucket"),
    Operation(
        "GetPublicAccessBlock",
        "GET",
        "bucket",
        "publicAccessBlock",
        "s3:GetBucketPublicAccessBlock",
        "bucket",
    ),
    Operation(
        "PutPublicAccessBlock",
        "PUT",
        "bucket",
        "publicAccessBlock",
        "s3:PutBucketPublicAccessBlock",
        "bucket",
    ),
    Operation(
        "DeletePublicAccessBlock",
        "DELETE",
        "bucket",
        "publicAccessBlock",
        "s3:PutBucketPublicAccessBlock",
        "bucket",
    ),
    Operation("GetBucketTagging", "GET", "bucket", "tagging", "s3:GetBucketTagging", "bucket"),
    Operation("PutBucketTagging", "PUT", "bucket", "tagging", "s3:PutBucketTagging", "bucket"),
    Operation("DeleteBucketTagging", "DELETE", "bucket", "tagging", "s3:PutBucketTagging", "bucket"),
    Operation("GetBucketPolicy", "GET", "bucket", "policy", "s3:GetBucketPolicy", "bucket"),
    Operation("PutBucketPolicy", "PUT", "bucket", "policy", "s3:PutBucketPolicy", "bucket"),
    Operation("DeleteBucketPolicy", "DELETE", "bucket", "policy", "s3:DeleteBucketPolicy", "bucket"),
    Operation(
        "GetBucketLifecycleConfiguration",
        "GET",
        "bucket",
        "lifecycle",
        "s3:GetLifecycleConfiguration",
        "bucket",
    ),
    Operation(
        "PutBucketLifecycleConfiguration",
        "PUT",
        "bucket",
        "lifecycle",
        "s3:PutLifecycleConfiguration",
        "bucket",
    ),
    Operation(
        "DeleteBucketLifecycle", "DELETE", "bucket", "lifecycle", "s3:PutLifecycleConfiguration", "bucket"
    ),
    # listings
    Operation("ListObjects", "GET", "bucket", None, "s3:ListBucket", "bucket"),
    Operation("ListObjectsV2", "GET", "bucket", "list-type", "s3:ListBucket", "bucket"),
    Operation("ListObjectVersions", "GET", "bucket", "versions", "s3:ListBucketVersions", "bucket"),
    Operation("WatchObjects", "GET", "bucket", "x-aerodrome-watch", "s3:ListBucket", "bucket"),
    Operation("ListMultipartUploads", "GET", "bucket", "uploads", "s3:ListBucketMultipartUploads", "bucket"),
    # objects
    Operation(
        "DeleteObjects",
        "POST",
        "bucket",
        "delete",
        "s3:DeleteObject",
        "object",
        "s3:DeleteObjectVersion",
        after_body=True,
    ),
    Operation("PutObjects", "POST", "bucket", "x-aerodrome-put", "s3:PutObject", "object", after_body=True),
    Operation("GetObject", "GET", "object", None, "s3:GetObject", "object", "s3:GetObjectVersion"),
    Operation("HeadObject", "HEAD", "object", None, "s3:GetObject", "object", "s3:GetObjectVersion"),
    Operation("PutObject", "PUT", "object", None, "s3:PutObject", "object"),
    Operation("CopyObject", "PUT", "object", None, "s3:PutObject", "object", header="x-amz-copy-source"),
    Operation(
        "DeleteObject", "DELETE", "object", None, "s3:DeleteObject", "object", "s3:DeleteObjectVersion"
    ),
    Operation(
        "GetObjectTagging",
        "GET",
        "object",
        "tagging",
        "s3:GetObjectTagging",
        "object",
        "s3:GetObjectVersionTagging",
    ),
    Operation(
        "PutObjectTagging",
        "PUT",
        "object",
        "tagging",
        "s3:PutObjectTagging",
        "object",
        "s3:PutObjectVersionTagging",
        after_body=True,
    ),
    Operation(
        "DeleteObjectTagging",
        "DELETE",
        "object",
        "tagging",
        "s3:DeleteObjectTagging",
        "object",
        "s3:DeleteObjectVersionTagging",
    ),
    # multipart uploads
    Operation("CreateMultipartUpload", "POST", "object", "uploads", "s3:PutObject", "object"),
    Operation("UploadPart", "PUT", "object", "uploadId", "s3:PutObject", "object"),
    Operation(
        "UploadPartCopy",
        "PUT",
        "object",
        "uploadId",
        "s3:PutObject",
        "object",
        header="x-amz-copy-source",
    ),
    Operation("CompleteMultipartUpload", "POST", "object", "uploadId", "s3:PutObject", "object"),
    Operation("AbortMultipartUpload", "DELETE", "object", "uploadId", "s3:AbortMultipartUpload", "object"),
    Operation("ListParts", "GET", "object", "uploadId", "s3:ListMultipartUploadParts", "object"),
)

_ROWS: Mapping[tuple[str, str, str | None, str | None], Operation] = {
    (row.method, row.level, row.sub, row.header): row for row in OPERATIONS
}
_SUBS = {level: tuple({row.sub for row in OPERATIONS if row.level == level and row.sub}) for level in
         ("service", "bucket", "object")}  # fmt: skip
_COPY = "x-amz-copy-source"
UNKNOWN_SUBS = frozenset(
    {
        "accelerate",
        "acl",
        "analytics",
        "attributes",
        "cors",
        "encryption",
        "intelligent-tiering",
        "inventory",
        "legal-hold",
        "logging",
        "metadataConfiguration",
        "metadataTable",
        "metrics",
        "notification",
        "object-lock",
        "ownershipControls",
        "policyStatus",
        "renameObject",
        "replication",
        "requestPayment",
        "restore",
        "retention",
        "select",
        "session",
        "torrent",
        "website",
    }
)
"""Of S3, and not of this store."""


def find_operation(head: Head, address: Address) -> Operation:
    """The operation that a request names. Raises StoreError: MethodNotAllowed or NotImplemented."""
    query, level = address.query, address.level
    sub = None
    if query:
        unknown = next((name for name in query if name in UNKNOWN_SUBS), None)
        if unknown is not None:
            raise not_implemented(f"answer ?{unknown}")
        sub = next((name for name in _SUBS[level] if name in query), None)
        if sub is None and "partNumber" in query and head.method in ("PUT", "POST", "DELETE"):
            words = "cannot write a part without uploadId: the whole object would be replaced"
            raise invalid_argument("partNumber", query["partNumber"], words)
    header = _COPY if head.method == "PUT" and level == "object" and _COPY in head.headers else None
    row = _ROWS.get((head.method, level, sub, header))
    if row is None:
        raise refuse(
            "MethodNotAllowed",
            "The specified method is not allowed against this resource.",
            {"Method": head.method, "ResourceType": (sub or level).upper()},
        )
    return row
