"""Which function answers which operation. The operations themselves, and their permissions: `operations`."""

from __future__ import annotations

from collections.abc import Mapping

from infra.object_store.http import (
    buckets,
    copying,
    deleting,
    lifecycle,
    listings,
    multipart,
    objects,
    putting,
    watching,
)
from infra.object_store.http.front import Handler

HANDLERS: Mapping[str, Handler] = {
    "ListBuckets": buckets.list_buckets,
    "CreateBucket": buckets.create_bucket,
    "HeadBucket": buckets.head_bucket,
    "DeleteBucket": buckets.delete_bucket,
    "GetBucketLocation": buckets.get_location,
    "GetBucketVersioning": buckets.get_versioning,
    "PutBucketVersioning": buckets.put_versioning,
    "GetPublicAccessBlock": buckets.get_public_access_block,
    "PutPublicAccessBlock": buckets.put_public_access_block,
    "DeletePublicAccessBlock": buckets.delete_public_access_block,
    "GetBucketTagging": buckets.get_tagging,
    "PutBucketTagging": buckets.put_tagging,
    "DeleteBucketTagging": buckets.delete_tagging,
    "GetBucketPolicy": buckets.get_policy,
    "PutBucketPolicy": buckets.put_policy,
    "DeleteBucketPolicy": buckets.delete_policy,
    "GetBucketLifecycleConfiguration": lifecycle.get_lifecycle,
    "PutBucketLifecycleConfiguration": lifecycle.put_lifecycle,
    "DeleteBucketLifecycle": lifecycle.delete_lifecycle,
    "ListObjects": listings.list_objects,
    "ListObjectsV2": listings.list_objects_v2,
    "ListObjectVersions": listings.list_versions,
    "WatchObjects": watching.watch,
    "PutObjects": putting.put_objects,
    "ListMultipartUploads": multipart.list_uploads,
    "DeleteObjects": deleting.delete_objects,
    "GetObject": objects.get_object,
    "HeadObject": objects.head_object,
    "PutObject": objects.put_object,
    "CopyObject": copying.copy_object,
    "DeleteObject": objects.delete_object,
    "GetObjectTagging": objects.get_tagging,
    "PutObjectTagging": objects.put_tagging,
    "DeleteObjectTagging": objects.delete_tagging,
    "CreateMultipartUpload": multipart.create_upload,
    "UploadPart": multipart.upload_part,
    "UploadPartCopy": copying.copy_part,
    "CompleteMultipartUpload": multipart.complete_upload,
    "AbortMultipartUpload": multipart.abort_upload,
    "ListParts": multipart.list_parts,
}
