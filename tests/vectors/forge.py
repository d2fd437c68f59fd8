"""Requests made to order: signed rightly or wrongly, then tampered with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from urllib.parse import quote

from control_plane.iam.canonical import ALGORITHM, Request, Scope
from control_plane.iam.claim import Claim
from control_plane.iam.sigv4 import Rules, Secret, derive, hash_token, sign

ACCESS_KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TEMPORARY, TEMPORARY_SECRET, TOKEN = (
    "ASIDEXAMPLE",
    "temporary/secret",
    "FwoGZXIvYXdzEXAMPLETOKEN//wEaDEXAMPLE+/==",
)
OTHER_TEMPORARY, OTHER_TOKEN = "ASIDOTHER", "FwoGZXIvYXdzOTHERTOKEN=="
REVOKED = "AKIDREVOKED"
AT = datetime(2026, 3, 8, 7, 30, tzinfo=UTC).timestamp()
HASH_OF_NOTHING = b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
CREATE_BODY = b'{"ExecutionRoleArn": "arn:aws:iam::123456789012:role/r", "DagS3Path": "dags"}'

RULES = Rules("us-east-1")
SCOPE = Scope("20260308", "us-east-1", "airflow")

KEYS: Mapping[str, Secret] = {
    ACCESS_KEY: Secret(SECRET),
    REVOKED: Secret(SECRET, active=False),
    TEMPORARY: Secret(TEMPORARY_SECRET, token_hash=hash_token(TOKEN), expires_at=AT + 3600),
    OTHER_TEMPORARY: Secret("other/secret", token_hash=hash_token(OTHER_TOKEN), expires_at=AT + 3600),
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request as it arrives, and what the server knows then."""

    request: Request
    window: float
    now: float = AT
    keys: Mapping[str, Secret] = field(default_factory=lambda: KEYS)
    rules: Rules = RULES


Change = Callable[[Request], Request]


@dataclass(frozen=True, slots=True)
class Draft:
    """A request before it is signed. What is changed here is signed as it stands."""

    method: str = "GET"
    target: bytes = b"/environments/MyEnv"
    headers: tuple[tuple[str, bytes], ...] = (("host", b"127.0.0.1:8080"),)
    body: bytes = b""
    date: str = "20260308T073000Z"
    scope: Scope = SCOPE
    signed: tuple[str, ...] | None = None
    """SignedHeaders; None signs every header, as clients do."""
    access_key: str = ACCESS_KEY
    secret: str = SECRET
    token: str | None = None
    algorithm: str = ALGORITHM
    expires: str = "300"

    def signed_request(self) -> Request:
        """With its Authorization header."""
        headers = (*self.headers, ("x-amz-date", self.date.encode()))
        if self.token is not None:
            headers = (*headers, ("x-amz-security-token", self.token.encode()))
        signed = self.signed if self.signed is not None else tuple(sorted({name for name, _ in headers}))
        request = Request(self.method, self.target, headers, self.body)
        value = (
            f"{self.algorithm} Credential={self.access_key}/{self.scope}, SignedHeaders={';'.join(signed)}, "
            f"Signature={self._sign(request, signed)}"
        )
        return replace(request, headers=(*headers, ("authorization", value.encode())))

    def presigned_request(self) -> Request:
        """With its signature in the query."""
        pairs = {
            "X-Amz-Algorithm": self.algorithm,
            "X-Amz-Credential": f"{self.access_key}/{self.scope}",
            "X-Amz-Date": self.date,
            "X-Amz-Expires": self.expires,
            "X-Amz-SignedHeaders": ";".join(self.signed or ("host",)),
        }
        if self.token is not None:
            pairs["X-Amz-Security-Token"] = self.token
        query = "&".join(f"{key}={quote(value, safe='')}" for key, value in pairs.items())
        joint = b"&" if b"?" in self.target else b"?"
        request = Request(self.method, self.target + joint + query.encode(), self.headers, self.body)
        signature = self._sign(request, self.signed or ("host",))
        return replace(request, target=request.target + b"&X-Amz-Signature=" + signature.encode())

    def _sign(self, request: Request, signed: tuple[str, ...]) -> str:
        claim = Claim(self.access_key, self.scope, signed, "", self.date, 0.0)
        return sign(request, claim, derive(self.secret, self.scope))


WITH_BODY = Draft(
    method="PUT",
    headers=(("host", b"127.0.0.1:8080"), ("content-type", b"application/json")),
    body=CREATE_BODY,
)
WITH_QUERY = Draft(target=b"/environments?MaxResults=5&NextToken=a%20b")
WITH_ARN = Draft(target=b"/tags/arn%3Aaws%3Aairflow%3Aus-east-1%3A123456789012%3Aenvironment%2FMyEnv")
WITH_TOKEN = Draft(access_key=TEMPORARY, secret=TEMPORARY_SECRET, token=TOKEN)


def with_headers(draft: Draft, *headers: tuple[str, bytes]) -> Draft:
    """The draft with more headers, which will be signed."""
    return replace(draft, headers=(*draft.headers, *headers))


def set_header(name: str, value: bytes | None) -> Change:
    """Replace a header's value; None removes the header."""

    def change(request: Request) -> Request:
        kept = tuple((key, old) for key, old in request.headers if key != name)
        return replace(request, headers=kept if value is None else (*kept, (name, value)))

    return change


def add_header(name: str, value: bytes) -> Change:
    """Add a header, beside one of the same name."""
    return lambda request: replace(request, headers=(*request.headers, (name, value)))


def edit_header(name: str, old: str, new: str) -> Change:
    """Replace text in a header's value."""

    def change(request: Request) -> Request:
        value = request.values(name)[0]
        return set_header(name, value.replace(old.encode(), new.encode()))(request)

    return change


def edit_target(old: bytes, new: bytes) -> Change:
    """Replace bytes in the target."""
    return lambda request: replace(request, target=request.target.replace(old, new))


def edit_signature(edit: Callable[[str], str]) -> Change:
    """Change the signature in the Authorization header."""

    def change(request: Request) -> Request:
        head, mark, signature = request.values("authorization")[0].decode().partition("Signature=")
        return set_header("authorization", f"{head}{mark}{edit(signature)}".encode())(request)

    return change
