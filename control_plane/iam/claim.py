"""What a request says of its signer: the Authorization header or the presigned query, taken apart. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from control_plane.domain.errors import Code, ServiceError
from control_plane.iam.canonical import ALGORITHM, SIGNATURE_PARAMETER, Request, Scope

_MARKS = frozenset({SIGNATURE_PARAMETER, "X-Amz-Algorithm", "X-Amz-Credential"})
_TOKEN = "X-Amz-Security-Token"  # noqa: S105 - a name, not a secret
_TIMESTAMP = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z")
_ACCESS_KEY = re.compile(r"[A-Za-z0-9_=.\-]{1,128}")


@dataclass(frozen=True, slots=True)
class Claim:
    """Well formed, and not yet believed."""

    access_key_id: str
    scope: Scope
    signed_headers: tuple[str, ...]
    signature: str = field(repr=False)
    timestamp: str
    at: float
    """The timestamp as epoch seconds."""
    token: str | None = field(default=None, repr=False)
    expires: int | None = None
    """Seconds a presigned request is good for; None for one signed in its header."""


def parse(request: Request) -> Claim:
    """The claim of a request. Raises MissingAuthenticationToken, IncompleteSignature or InvalidSignature."""
    headers = request.values("authorization")
    query = _amz_parameters(request)
    if not headers and not (_MARKS & query.keys()):
        raise ServiceError(
            Code.MISSING_TOKEN, "Request is missing Authentication Token: sign it with an access key"
        )
    if headers and SIGNATURE_PARAMETER in query:
        raise ServiceError(
            Code.INVALID_SIGNATURE,
            "The request is signed in its header and in its query: keep one of the two",
        )
    if not headers:
        return _parse_presigned(query)
    if len(headers) > 1:
        raise incomplete("it has more than one Authorization header")
    return _parse_header(request, headers[0])


def incomplete(reason: str) -> ServiceError:
    """The signature does not have the form it must have."""
    return ServiceError(Code.INCOMPLETE_SIGNATURE, f"Cannot read the request's signature: {reason}")


def _parse_header(request: Request, value: bytes) -> Claim:
    text = value.decode("latin-1").strip()
    if not text:
        raise ServiceError(
            Code.MISSING_TOKEN, "Request is missing Authentication Token: sign it with an access key"
        )
    algorithm, _, rest = text.partition(" ")
    parts = _key_values(rest)
    return _claim(
        algorithm=algorithm,
        credential=_one(parts, "Credential"),
        signed_headers=_one(parts, "SignedHeaders"),
        signature=_one(parts, "Signature"),
        timestamp=_single_header(request, "x-amz-date", required=True),
        token=_single_header(request, _TOKEN.lower(), required=False) or None,
        expires=None,
    )


def _parse_presigned(query: Mapping[str, list[str]]) -> Claim:
    token = _one(query, _TOKEN) if _TOKEN in query else None
    return _claim(
        algorithm=_one(query, "X-Amz-Algorithm"),
        credential=_one(query, "X-Amz-Credential"),
        signed_headers=_one(query, "X-Amz-SignedHeaders"),
        signature=_one(query, SIGNATURE_PARAMETER),
        timestamp=_one(query, "X-Amz-Date"),
        token=token,
        expires=_parse_expires(_one(query, "X-Amz-Expires")),
    )


def _claim(
    *,
    algorithm: str,
    credential: str,
    signed_headers: str,
    signature: str,
    timestamp: str,
    token: str | None,
    expires: int | None,
) -> Claim:
    if algorithm != ALGORITHM:
        raise incomplete(f"its algorithm is {algorithm[:40]!r}, and must be {ALGORITHM}")
    parts = credential.split("/")
    if len(parts) != 5 or not all(parts):
        raise incomplete(
            "its Credential must have five parts: access key id/date/region/service/aws4_request"
        )
    if not _ACCESS_KEY.fullmatch(parts[0]):
        raise incomplete("its access key id has characters that no access key id has")
    return Claim(
        access_key_id=parts[0],
        scope=Scope(*parts[1:]),
        signed_headers=tuple(signed_headers.split(";")),
        signature=signature,
        timestamp=timestamp,
        at=_parse_timestamp(timestamp),
        token=token,
        expires=expires,
    )


def _key_values(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for part in text.split(","):
        key, separator, value = part.strip().partition("=")
        if not separator or key not in ("Credential", "SignedHeaders", "Signature"):
            raise incomplete("its Authorization header must hold Credential, SignedHeaders and Signature")
        found.setdefault(key, []).append(value)
    return found


def _one(parts: Mapping[str, list[str]], name: str) -> str:
    values = parts.get(name, [])
    if len(values) != 1:
        raise incomplete(f"it has {len(values) or 'no'} {name}, and must have one")
    if not values[0]:
        raise incomplete(f"its {name} is empty")
    return values[0]


def _single_header(request: Request, name: str, required: bool) -> str:
    values = request.values(name)
    if len(values) > 1 or (required and not values):
        raise incomplete(f"it has {len(values) or 'no'} {name} header, and must have one")
    return values[0].decode("latin-1").strip() if values else ""


def _amz_parameters(request: Request) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, value in request.query:
        if key.startswith(b"X-Amz-"):
            found.setdefault(key.decode("latin-1"), []).append(value.decode("latin-1"))
    return found


def _parse_timestamp(text: str) -> float:
    found = _TIMESTAMP.fullmatch(text)
    if found is not None:
        try:
            return datetime(*map(int, found.groups()), tzinfo=UTC).timestamp()  # type: ignore[misc, arg-type]
        except ValueError:
            pass  # digits that are no date: the same answer as no digits
    raise incomplete("its X-Amz-Date must look like 20260308T073000Z")


def _parse_expires(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text) or not 1 <= int(text) <= 604800:
        raise incomplete("its X-Amz-Expires must be a number of seconds from 1 to 604800")
    return int(text)
