"""Whether a request was signed by whom it says: Signature Version 4, verified. Pure: no I/O, no clock.

Strict where the protocol is lenient: host, x-amz-date, every x-amz-* header and the content type of a body
must be signed; the body is always hashed here; dot segments and raw spaces in a path are refused. An unknown
key costs the same work as a known one and gives the same answer as a revoked one.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from control_plane.bounded import Bounded
from control_plane.domain.errors import Code, ServiceError
from control_plane.iam.canonical import Request, Scope, canonical_request, string_to_sign
from control_plane.iam.claim import Claim

DUMMY_SECRET = "0" * 40
"""Stands for an unknown key's, so that its answer takes as long."""
_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Rules:
    """What this endpoint accepts."""

    region: str
    service: str = "airflow"
    skew: float = 300.0
    """Seconds a request's time may be away from ours, either way."""
    normalize: bool = False
    """Sign resolved paths (the published test suite) instead of raw ones."""
    presigned_methods: frozenset[str] = frozenset({"GET"})


@dataclass(frozen=True, slots=True)
class Secret:
    """An access key as the verifier needs it."""

    secret: str = field(repr=False)
    active: bool = True
    token_hash: str | None = None
    expires_at: float | None = None


class SigningKeys:
    """Derived signing keys, kept while they are asked for: a key is good for a day."""

    def __init__(self) -> None:
        self._kept: Bounded[tuple[str, str], bytes] = Bounded(_KEPT)

    def get(self, secret: str, scope: Scope) -> bytes:
        """The signing key of a secret for a scope."""
        key = self._kept.find((secret, str(scope)))
        if key is None:
            key = derive(secret, scope)
            self._kept.put((secret, str(scope)), key)
        return key


def verify(
    request: Request, claim: Claim, secret: Secret | None, rules: Rules, now: float, keys: SigningKeys
) -> None:
    """Return when the claim is true; `secret` is that of its access key, None when there is no such key.

    Raises ServiceError: RequestExpired, UnrecognizedClient, InvalidSignature or ExpiredToken.
    """
    _check_time(claim, rules, now)
    stranger = _is_stranger(claim, secret)
    broken = next(_broken_rules(request, claim, rules), None)
    key = keys.get(DUMMY_SECRET if secret is None else secret.secret, _wanted_scope(claim, rules))
    matches = hmac.compare_digest(
        sign(request, claim, key, rules.normalize).encode(), claim.signature.encode()
    )
    if stranger:
        raise ServiceError(Code.UNRECOGNIZED_CLIENT, "The security token included in the request is invalid.")
    if broken is not None or not matches:
        raise ServiceError(Code.INVALID_SIGNATURE, _mismatch(broken))
    if secret is not None and secret.expires_at is not None and secret.expires_at <= now:
        raise ServiceError(Code.EXPIRED_TOKEN, "The security token included in the request is expired")


def sign(request: Request, claim: Claim, key: bytes, normalize: bool = False) -> str:
    """The signature a request should have under a signing key."""
    canonical = canonical_request(request, claim.signed_headers, normalize)
    return _hmac(key, string_to_sign(claim.timestamp, claim.scope, canonical)).hex()


def derive(secret: str, scope: Scope) -> bytes:
    """The signing key of a secret for a scope."""
    key = _hmac(f"AWS4{secret}".encode(), scope.date)
    for part in (scope.region, scope.service, scope.terminator):
        key = _hmac(key, part)
    return key


def hash_token(token: str) -> str:
    """How a session token is kept."""
    return hashlib.sha256(token.encode()).hexdigest()


def _check_time(claim: Claim, rules: Rules, now: float) -> None:
    lifetime = rules.skew if claim.expires is None else claim.expires
    if claim.at - rules.skew <= now <= claim.at + lifetime:
        return
    raise ServiceError(
        Code.REQUEST_EXPIRED,
        f"The request was signed for {claim.timestamp}, which is {abs(now - claim.at):.0f} s "
        f"{'ago' if now > claim.at else 'ahead'}: check the clock of the client",
    )


def _is_stranger(claim: Claim, secret: Secret | None) -> bool:
    """No such key, a revoked one, or a session token that is not this key's."""
    expected = "" if secret is None else secret.token_hash or ""
    given = "" if claim.token is None else hash_token(claim.token)
    fits = hmac.compare_digest(expected, given)
    return secret is None or not secret.active or not fits


def _broken_rules(request: Request, claim: Claim, rules: Rules) -> Iterator[str]:
    yield from _broken_scope(claim, rules)
    yield from _broken_headers(request, claim)
    yield from _broken_request(request, claim, rules)


def _broken_scope(claim: Claim, rules: Rules) -> Iterator[str]:
    wanted = _wanted_scope(claim, rules)
    if claim.scope != wanted:
        yield f"Credential should be scoped to {wanted}"


def _wanted_scope(claim: Claim, rules: Rules) -> Scope:
    """The only scope that can pass; keys for others are not derived, nor kept."""
    return Scope(claim.timestamp[:8], rules.region, rules.service)


def _broken_headers(request: Request, claim: Claim) -> Iterator[str]:
    signed = claim.signed_headers
    present = {name for name, _ in request.headers}
    if list(signed) != sorted(set(signed)) or any(name != name.lower() for name in signed):
        yield "SignedHeaders must be in lower case, sorted, each named once"
    if "host" not in signed or len(request.values("host")) != 1:
        yield "there must be one Host header, and it must be signed"
    if not present.issuperset(signed):
        yield "SignedHeaders names a header that the request does not have"
    if any(name.startswith("x-amz-") and name not in signed for name in present):
        yield "every X-Amz-* header must be signed"
    if request.body and "content-type" in present and "content-type" not in signed:
        yield "the Content-Type of a body must be signed"


def _broken_request(request: Request, claim: Claim, rules: Rules) -> Iterator[str]:
    digest = hashlib.sha256(request.body).hexdigest().encode()
    if any(value.strip() != digest for value in request.values("x-amz-content-sha256")):
        yield "X-Amz-Content-SHA256 is not the hash of the body; unsigned payloads are not accepted"
    if claim.expires is not None and request.method not in rules.presigned_methods:
        yield f"a {request.method} request must be signed in its header, not in its query"
    if not rules.normalize and not _is_plain_path(request.path):
        yield "the path must have no dot segments, spaces or control characters"


def _is_plain_path(path: bytes) -> bool:
    if any(byte <= 0x20 or byte == 0x7F for byte in path) or not path.startswith(b"/"):
        return False
    return not {b".", b".."} & {unquote_to_bytes(segment) for segment in path.split(b"/")}


def _mismatch(broken: str | None) -> str:
    message = (
        "The request signature we calculated does not match the signature you provided. "
        "Check your AWS Secret Access Key and signing method."
    )
    return message if broken is None else f"{message} ({broken})"


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
