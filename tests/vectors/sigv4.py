"""The published SigV4 suite: canonical request, string to sign, signature - and our verifier takes each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from control_plane.domain.errors import ServiceError
from control_plane.iam.canonical import Request, canonical_request, string_to_sign
from control_plane.iam.claim import Claim, parse
from control_plane.iam.sigv4 import Rules, Secret, SigningKeys, derive, hash_token, sign, verify
from tests.vectors.report import Report, tally


def run(data: Mapping[str, Any]) -> Report:
    """Judge every case of the suite; its paths are normalised, ours on the wire are not."""
    defaults = data["defaults"]
    rules = Rules(defaults["region"], defaults["service"], normalize=True)
    secret = data["credentials"]["secret_key"]
    return tally((case["id"], fault_of(case, rules, secret)) for case in data["cases"])


def fault_of(case: Mapping[str, Any], rules: Rules, secret: str) -> str | None:
    """What differs from the expected values, first of all; None when nothing does."""
    request = to_request(case)
    try:
        claim = parse(request)
        differing = next(_differences(case, request, claim, rules, secret), None)
        if differing is None:
            token = case.get("session_token")
            known = Secret(secret, token_hash=hash_token(token) if claim.token and token else None)
            verify(request, claim, known, rules, claim.at, SigningKeys())
    except ServiceError as error:
        return f"refused with {error}"
    return differing


def to_request(case: Mapping[str, Any]) -> Request:
    """The signed request of a case, with the Authorization and the token that the suite lists apart."""
    headers = [(name.lower(), value.encode()) for name, value in case["headers"]]
    names = {name for name, _ in headers}
    if "authorization" in case and "authorization" not in names:
        headers.append(("authorization", case["authorization"].encode()))
    signed = str(case.get("signed_headers", "")).split(";")
    if "x-amz-security-token" in signed and "x-amz-security-token" not in names:
        headers.append(("x-amz-security-token", case["session_token"].encode()))
    return Request(case["method"], case["target"].encode(), headers, case.get("body", "").encode())


def _differences(
    case: Mapping[str, Any], request: Request, claim: Claim, rules: Rules, secret: str
) -> Iterator[str]:
    canonical = canonical_request(request, claim.signed_headers, rules.normalize)
    if canonical.decode() != case["canonical_request"]:
        yield f"canonical request is {canonical.decode()!r}"
    if (
        "string_to_sign" in case
        and string_to_sign(claim.timestamp, claim.scope, canonical) != case["string_to_sign"]
    ):
        yield "string to sign differs"
    if sign(request, claim, derive(secret, claim.scope), rules.normalize) != case["signature"]:
        yield "signature differs"
