"""Signature Version 4 as S3 has it, verified. Pure: no I/O, no clock.

What differs from `sigv4`: the path is signed as it is and not encoded once more; the payload's hash is taken from
x-amz-content-sha256 (whoever reads the body compares); a presigned request leaves its body open; chunks of a body are
signed one after the other; and refusals have S3's own codes. Taking a claim apart, signing keys and scopes are shared.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote_to_bytes

from control_plane.domain.errors import Code, ServiceError
from control_plane.iam.canonical import ALGORITHM, Request, Scope, string_to_sign
from control_plane.iam.claim import Claim, parse
from control_plane.iam.dates import to_iso
from control_plane.iam.sigv4 import DUMMY_SECRET, Secret, SigningKeys, hash_token

UNSIGNED = "UNSIGNED-PAYLOAD"
SKEW = 900.0
"""Seconds a request's time may be away from ours, either way: S3's own."""
_NOTHING = hashlib.sha256(b"").hexdigest()
_SAFE = "-._~"
_PLAIN = re.compile(rb"[A-Za-z0-9\-._~/]*")
_PAYLOAD = re.compile(r"[0-9a-f]{64}|UNSIGNED-PAYLOAD|STREAMING-[A-Z0-9-]{1,60}")


class Refusal(Exception):
    """S3's code, its sentence, and members for the answer."""

    def __init__(self, code: str, message: str, members: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.members = dict(members or {})


@dataclass(slots=True)
class ChunkChain:
    """The signatures that the chunks of one body must have, each made over the one before."""

    key: bytes = field(repr=False)
    timestamp: str
    scope: Scope
    previous: str

    def check_chunk(self, digest: str, signature: str) -> bool:
        """Whether the next chunk, whose SHA-256 this is, is signed so."""
        return self._check(f"{ALGORITHM}-PAYLOAD", f"{_NOTHING}\n{digest}", signature)

    def check_trailer(self, digest: str, signature: str) -> bool:
        """The same for the trailers."""
        return self._check(f"{ALGORITHM}-TRAILER", digest, signature)

    def _check(self, kind: str, digests: str, signature: str) -> bool:
        text = f"{kind}\n{self.timestamp}\n{self.scope}\n{self.previous}\n{digests}"
        self.previous = hmac.digest(self.key, text.encode(), "sha256").hex()
        return hmac.compare_digest(self.previous.encode(), signature.encode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class Verified:
    """A request that was signed by whom it says. `payload`: what the body must be."""

    payload: str
    chunks: ChunkChain


def read_claim(request: Request) -> Claim | None:
    """What a request says of its signer; None for nobody. Raises Refusal."""
    try:
        return parse(request)
    except ServiceError as error:
        _check_absence(request, error)
        return None


def verify(
    request: Request, claim: Claim, secret: Secret | None, region: str, now: float, keys: SigningKeys
) -> Verified:
    """The claim is true, or Refusal is raised. `secret` is that of its access key, None when there is no such key.

    An unknown key costs the work of a known one.
    """
    headers = dict(request.headers)
    payload = _read_payload(headers, request, claim)
    scope = Scope(claim.timestamp[:8], region, "s3")
    _check_scope(claim, scope)
    key = keys.get(DUMMY_SECRET if secret is None else secret.secret, scope)
    canonical = canonical_request(request, claim, payload)
    expected = hmac.digest(
        key, string_to_sign(claim.timestamp, claim.scope, canonical).encode(), "sha256"
    ).hex()
    _check_key(claim, secret)
    _check_time(claim, now)
    _check_headers(headers, claim)
    if not hmac.compare_digest(expected.encode(), claim.signature.encode("utf-8", "replace")):
        raise _mismatch(claim, canonical)
    if secret is not None and secret.expires_at is not None and secret.expires_at <= now:
        raise Refusal("ExpiredToken", "The provided token has expired.")
    return Verified(payload, ChunkChain(key, claim.timestamp, scope, expected))


def canonical_request(request: Request, claim: Claim, payload: str) -> bytes:
    """What both sides hash."""
    path = request.path
    if _PLAIN.fullmatch(path) is None:
        path = quote(unquote_to_bytes(path), safe="/" + _SAFE).encode()
    values: dict[str, bytes] = {}
    for name, value in request.headers:
        values[name] = b",".join((values[name], value)) if name in values else value
    lines = [request.method.encode(), path, _query(request)]
    for name in claim.signed_headers:
        value = values.get(name, b"")
        lines.append(name.encode() + b":" + (b" ".join(value.split()) if b" " in value else value.strip()))
    lines += [b"", ";".join(claim.signed_headers).encode(), payload.encode()]
    return b"\n".join(lines)


def _query(request: Request) -> bytes:
    if b"?" not in request.target:
        return b""
    pairs = sorted(
        (quote(name, safe=_SAFE), quote(value, safe=_SAFE))
        for name, value in request.query
        if name != b"X-Amz-Signature"
    )
    return "&".join(f"{name}={value}" for name, value in pairs).encode()


def _read_payload(headers: Mapping[str, bytes], request: Request, claim: Claim) -> str:
    raw = headers.get("x-amz-content-sha256")
    if raw is None:
        if claim.expires is None:
            raise Refusal("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
        given = next((value for name, value in request.query if name == b"X-Amz-Content-Sha256"), None)
        raw = UNSIGNED.encode() if given is None else given
    payload = raw.decode("latin-1").strip()
    if _PAYLOAD.fullmatch(payload) is None:
        raise Refusal(
            "InvalidArgument",
            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, "
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER, or a valid sha256 value.",
            {"ArgumentName": "x-amz-content-sha256", "ArgumentValue": payload},
        )
    return payload


def _check_scope(claim: Claim, wanted: Scope) -> None:
    given = claim.scope
    if given == wanted:
        return
    code, where = _form(claim)
    if given.region != wanted.region:
        raise Refusal(
            code,
            f"{where}; the region '{given.region}' is wrong; expecting '{wanted.region}'",
            {"Region": wanted.region},
        )
    if given.date != wanted.date:
        raise Refusal(
            code, f'{where}; Invalid credential date "{given.date}". It must be that of X-Amz-Date.'
        )
    raise Refusal(code, f'{where}; incorrect service "{given.service}". This endpoint belongs to "s3".')


def _form(claim: Claim) -> tuple[str, str]:
    if claim.expires is None:
        return "AuthorizationHeaderMalformed", "The authorization header is malformed"
    return "AuthorizationQueryParametersError", "Error parsing the X-Amz-Credential parameter"


def refuse_key(access_key_id: str, lacks_token: bool, secret: Secret | None) -> None:
    """Raises Refusal for a key that is unknown, revoked, or temporary and without its token."""
    if secret is None or not secret.active or (secret.token_hash and lacks_token):
        raise Refusal(
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
            {"AWSAccessKeyId": access_key_id},
        )


def _check_key(claim: Claim, secret: Secret | None) -> None:
    refuse_key(claim.access_key_id, claim.token is None, secret)
    if secret is None:
        return
    given = "" if claim.token is None else hash_token(claim.token)
    if not hmac.compare_digest(secret.token_hash or "", given):
        raise Refusal("InvalidToken", "The provided token is malformed or otherwise invalid.")


def _check_time(claim: Claim, now: float) -> None:
    if claim.expires is None:
        if abs(now - claim.at) > SKEW:
            raise Refusal(
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
                {
                    "RequestTime": claim.timestamp,
                    "ServerTime": to_iso(now),
                    "MaxAllowedSkewMilliseconds": str(int(SKEW * 1000)),
                },
            )
        return
    if claim.at - SKEW > now:
        raise Refusal("AccessDenied", "Request is not yet valid", {"ServerTime": to_iso(now)})
    if now > claim.at + claim.expires:
        members = {"X-Amz-Expires": str(claim.expires), "Expires": to_iso(claim.at + claim.expires)}
        raise Refusal("AccessDenied", "Request has expired", {**members, "ServerTime": to_iso(now)})


def _check_headers(headers: Mapping[str, bytes], claim: Claim) -> None:
    """Every x-amz-* header must be signed, and the host: nobody on the way may add one."""
    signed = claim.signed_headers
    loose = [name for name in headers if name.startswith("x-amz-") and name not in signed]
    if "host" not in signed:
        loose.append("host")
    if claim.expires is not None and "x-amz-content-sha256" in loose:
        loose.remove("x-amz-content-sha256")  # it only narrows what the body may be
    if loose:
        raise Refusal(
            "AccessDenied",
            "There were headers present in the request which were not signed",
            {"HeadersNotSigned": ", ".join(sorted(loose))},
        )


def _mismatch(claim: Claim, canonical: bytes) -> Refusal:
    return Refusal(
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. Check your key and signing "
        "method.",
        {
            "AWSAccessKeyId": claim.access_key_id,
            "StringToSign": string_to_sign(claim.timestamp, claim.scope, canonical),
            "SignatureProvided": claim.signature[:64],
        },
    )


def _check_absence(request: Request, error: ServiceError) -> None:
    """Returns when there is no claim at all; S3's words for one that cannot be read."""
    if request.values("authorization"):
        scheme = request.values("authorization")[0].decode("latin-1").partition(" ")[0]
        if error.code is Code.INVALID_SIGNATURE:
            raise Refusal("InvalidArgument", "Only one auth mechanism allowed; keep the header or the query.")
        if scheme != ALGORITHM:
            raise _old_mechanism()
        raise Refusal(
            "AuthorizationHeaderMalformed", f"The authorization header is malformed; {error.message}"
        )
    if error.code is Code.MISSING_TOKEN:
        return
    raise Refusal("AuthorizationQueryParametersError", error.message)


def _old_mechanism() -> Refusal:
    return Refusal(
        "InvalidRequest",
        "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
    )
