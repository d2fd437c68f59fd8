"""S3's older presigned URLs (Signature Version 2), verified. Pure: no I/O, no clock.

boto3 still makes these unless it is told `signature_version="s3v4"`. Only URLs: a header signed so is refused, as S3
refuses it today. What such a URL leaves open - its query besides the named sub-resources, and its body - S3 does too.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from control_plane.iam.canonical import Request
from control_plane.iam.sigv4 import Secret, hash_token
from control_plane.iam.sigv4_s3 import UNSIGNED, Refusal, refuse_key

_TOKEN = "x-amz-security-token"  # noqa: S105 - a name, not a secret
_SIGNED_QUERY = frozenset(
    {
        *(
            "acl",
            "cors",
            "delete",
            "lifecycle",
            "location",
            "logging",
            "notification",
            "partNumber",
            "policy",
        ),
        *("requestPayment", "response-cache-control", "response-content-disposition", "restore", "tagging"),
        *("response-content-encoding", "response-content-language", "response-content-type", "torrent"),
        *(
            "publicAccessBlock",
            "x-aerodrome-put",
            "x-aerodrome-watch",
            "response-expires",
            "uploadId",
            "uploads",
            "versionId",
            "versioning",
            "versions",
            "website",
        ),
    }
)


@dataclass(frozen=True, slots=True)
class OldClaim:
    """What the URL says, not yet believed."""

    access_key_id: str
    signature: str = field(repr=False)
    expires: str
    token: str | None = field(default=None, repr=False)


def read_old_claim(query: Mapping[str, str]) -> OldClaim | None:
    """The claim of a URL signed so; None when it is not."""
    if not {"AWSAccessKeyId", "Signature", "Expires"} <= query.keys():
        return None
    return OldClaim(query["AWSAccessKeyId"], query["Signature"], query["Expires"], query.get(_TOKEN))


def verify_old(request: Request, claim: OldClaim, secret: Secret | None, bucket: str, now: float) -> str:
    """What the body must be. `bucket`: of a virtual host, else ''. Raises Refusal."""
    refuse_key(claim.access_key_id, claim.token is None, secret)
    given = "" if claim.token is None else hash_token(claim.token)
    if secret is None or not hmac.compare_digest(secret.token_hash or "", given):
        raise Refusal("InvalidToken", "The provided token is malformed or otherwise invalid.")
    text = string_to_sign(request, claim, bucket)
    made = base64.b64encode(hmac.digest(secret.secret.encode(), text, "sha1"))
    if not hmac.compare_digest(made, claim.signature.encode()):
        raise Refusal(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your key and "
            "signing method.",
            {"AWSAccessKeyId": claim.access_key_id, "StringToSign": text.decode("latin-1")},
        )
    if not claim.expires.isdigit() or int(claim.expires) < now:
        raise Refusal("AccessDenied", "Request has expired", {"Expires": claim.expires[:20]})
    if secret.expires_at is not None and secret.expires_at <= now:
        raise Refusal("ExpiredToken", "The provided token has expired.")
    return UNSIGNED


def string_to_sign(request: Request, claim: OldClaim, bucket: str) -> bytes:
    """What both sides sign."""
    headers = {name: value.strip() for name, value in request.headers}
    lines = [request.method.encode(), headers.get("content-md5", b""), headers.get("content-type", b"")]
    lines.append(claim.expires.encode())
    amz = {name: value for name, value in headers.items() if name.startswith("x-amz-")}
    if claim.token is not None:
        amz[_TOKEN] = claim.token.encode()
    lines += [name.encode() + b":" + value for name, value in sorted(amz.items())]
    signed = sorted((key, value) for key, value in request.query if key.decode("latin-1") in _SIGNED_QUERY)
    pairs = b"&".join(key + (b"=" + value if value else b"") for key, value in signed)
    path = (b"/" + bucket.encode() if bucket else b"") + request.path
    return b"\n".join([*lines, path + (b"?" + pairs if pairs else b"")])
