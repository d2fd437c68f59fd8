"""Which status belongs to which of S3's error codes, and the refusals that the edge makes itself. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from infra.object_store.errors import StoreError

STATUS: Mapping[str, int] = {
    "AccessControlListNotSupported": 400,
    "AccessDenied": 403,
    "AuthorizationHeaderMalformed": 400,
    "AuthorizationQueryParametersError": 400,
    "BadDigest": 400,
    "BadRequest": 400,
    "BucketAlreadyExists": 409,
    "BucketAlreadyOwnedByYou": 409,
    "BucketNotEmpty": 409,
    "ConditionalRequestConflict": 409,
    "EntityTooLarge": 400,
    "EntityTooSmall": 400,
    "ExpiredToken": 400,
    "IllegalLocationConstraintException": 400,
    "IllegalVersioningConfigurationException": 400,
    "IncompleteBody": 400,
    "InsufficientStorage": 507,
    "InternalError": 500,
    "InvalidAccessKeyId": 403,
    "InvalidArgument": 400,
    "InvalidBucketState": 409,
    "InvalidBucketName": 400,
    "InvalidChunkSizeError": 403,
    "InvalidDigest": 400,
    "InvalidLocationConstraint": 400,
    "InvalidPart": 400,
    "InvalidPartNumber": 416,
    "InvalidPartOrder": 400,
    "InvalidPolicyDocument": 400,
    "InvalidRange": 416,
    "InvalidRequest": 400,
    "InvalidStorageClass": 400,
    "InvalidTag": 400,
    "InvalidToken": 400,
    "InvalidURI": 400,
    "KeyTooLongError": 400,
    "MalformedACLError": 400,
    "MalformedPolicy": 400,
    "MalformedTrailerError": 400,
    "MalformedXML": 400,
    "MaxMessageLengthExceeded": 400,
    "MetadataTooLarge": 400,
    "MethodNotAllowed": 405,
    "MissingContentLength": 411,
    "MissingSecurityHeader": 400,
    "NoSuchBucket": 404,
    "NoSuchBucketPolicy": 404,
    "NoSuchKey": 404,
    "NoSuchLifecycleConfiguration": 404,
    "NoSuchPublicAccessBlockConfiguration": 404,
    "NoSuchTagSet": 404,
    "NoSuchUpload": 404,
    "NoSuchVersion": 404,
    "NotImplemented": 501,
    "NotModified": 304,
    "OperationAborted": 409,
    "PreconditionFailed": 412,
    "RequestHeaderSectionTooLarge": 400,
    "RequestTimeTooSkewed": 403,
    "RequestTimeout": 400,
    "ServiceUnavailable": 503,
    "SignatureDoesNotMatch": 403,
    "SlowDown": 503,
    "TooManyBuckets": 400,
    "UnexpectedContent": 400,
    "XAmzContentSHA256Mismatch": 400,
}
"""Code -> status. What is not here is a fault of ours and answered as InternalError."""


def refuse(code: str, message: str, fields: Mapping[str, str] | None = None) -> StoreError:
    """A request cannot be served: S3's code, a sentence, and further elements of the answer."""
    return StoreError(code, message, **(fields or {}))


def status_of(error: StoreError) -> int:
    """Of the answer."""
    return STATUS.get(error.code, 500)


def no_such_bucket(name: str) -> StoreError:
    """There is no bucket of that name."""
    return refuse("NoSuchBucket", "The specified bucket does not exist", {"BucketName": name})


def no_such_key(key: str) -> StoreError:
    """There is no object of that key."""
    return refuse("NoSuchKey", "The specified key does not exist.", {"Key": key})


def invalid_argument(name: str, value: str, message: str) -> StoreError:
    """A parameter or header cannot be used."""
    return refuse("InvalidArgument", message, {"ArgumentName": name, "ArgumentValue": value})


def malformed_xml() -> StoreError:
    """A body is not the XML it must be."""
    return refuse(
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )


def not_implemented(what: str) -> StoreError:
    """S3 has it and this store does not."""
    return refuse("NotImplemented", f"cannot {what}: this store does not implement it")
