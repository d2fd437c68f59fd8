"""The object store's authorizer over the service database: the keys, sessions and policies of the MWAA API.

A key and what its owner may are kept for a second, so that the way of a request costs no SQL; what is revoked or
changed counts a second later at most. Unknown keys are looked up every time: one that was just made works at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from control_plane.api.s3.bucket_policies import is_public, needs_context
from control_plane.bounded import Bounded
from control_plane.iam import sigv4, sigv4_s3
from control_plane.iam.authorize import Caller, Circumstances, context_of, decide, describe_refusal
from control_plane.iam.canonical import Request
from control_plane.iam.claim import Claim
from control_plane.iam.evaluate import Policies, Source
from control_plane.iam.policy import Kind, MalformedPolicy, Policy
from control_plane.iam.sigv2_s3 import OldClaim, read_old_claim, verify_old
from control_plane.operations.access import PolicyReader, make_caller
from control_plane.store.database import ServiceDatabase
from control_plane.store.keys import ADMIN_NAME, find_key
from control_plane.store.vault import Vault
from infra.object_store.errors import StoreError
from infra.object_store.http.access import Question, Visitor
from infra.object_store.http.request import Head, find_host_bucket, read_query

KEPT_SECONDS = 1.0
_MOST = 5000
_POLICY_ACTIONS = frozenset({"s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"})
_NOBODY = Caller(arn="anonymous", access_key_id="", principal_arn="anonymous")


@dataclass(frozen=True, slots=True)
class Known:
    """A key as it was a moment ago."""

    secret: sigv4.Secret
    caller: Caller
    plain: bool
    """None of the owner's policies asks for circumstances."""
    until: float


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks and by which request."""

    caller: Caller
    plain: bool
    head: Head
    claim: Claim | None


@dataclass(slots=True)
class KeyAuthorizer:
    """`Authorizer` of `infra.object_store`. For one event loop."""

    db: ServiceDatabase
    vault: Vault
    region: str
    clock: Callable[[], float]
    domains: Sequence[str] = ()
    keys: sigv4.SigningKeys = field(default_factory=sigv4.SigningKeys)
    reader: PolicyReader = field(default_factory=PolicyReader)
    kept: Bounded[str, Known] = field(default_factory=lambda: Bounded(_MOST))

    async def identify(self, head: Head) -> Visitor:
        """Who signed the request. Raises StoreError with S3's code."""
        request = Request(head.method, head.target, head.raw_headers, b"")
        try:
            claim = sigv4_s3.read_claim(request)
            if claim is not None:
                return await self._identify(head, request, claim)
            old = read_old_claim(read_query(head.target.partition(b"?")[2]))
            if old is not None:
                return await self._identify_old(head, request, old)
        except sigv4_s3.Refusal as refusal:
            raise StoreError(refusal.code, refusal.message, **refusal.members) from None
        payload = head.headers.get("x-amz-content-sha256", sigv4_s3.UNSIGNED)
        return Visitor(Asker(_NOBODY, True, head, None), payload, anonymous=True)

    async def _identify(self, head: Head, request: Request, claim: Claim) -> Visitor:
        now = self.clock()
        known = await self._find(claim.access_key_id, now)
        secret = None if known is None else known.secret
        verified = sigv4_s3.verify(request, claim, secret, self.region, now, self.keys)
        assert known is not None  # noqa: S101 - verify never returns for an unknown key
        return Visitor(Asker(known.caller, known.plain, head, claim), verified.payload, verified.chunks)

    async def _identify_old(self, head: Head, request: Request, claim: OldClaim) -> Visitor:
        now = self.clock()
        known = await self._find(claim.access_key_id, now)
        bucket = find_host_bucket(head.headers.get("host", ""), self.domains) or ""
        payload = verify_old(request, claim, None if known is None else known.secret, bucket, now)
        assert known is not None  # noqa: S101 - as above
        return Visitor(Asker(known.caller, known.plain, head, None), payload)

    async def _find(self, access_key_id: str, now: float) -> Known | None:
        known = self.kept.find(access_key_id)
        if known is None or known.until < now:
            known = await asyncio.to_thread(self._load, access_key_id, now)
        return known

    def find_refusal(self, visitor: Visitor, question: Question) -> str | None:
        """AWS's sentence when the caller's policies, the bucket's and all limits together do not allow it."""
        asker: Asker = visitor.caller
        caller, plain = asker.caller, asker.plain
        unheard = (visitor.anonymous and question.restricted) or _is_rescue(caller, question.action)
        if question.policy is not None and not unheard:
            source = self.reader.read("of the bucket", question.policy, Kind.RESOURCE)
            plain = plain and not needs_context(source.policy)
            caller = replace(caller, policies=replace(caller.policies, resource=(source,)))
        context = {} if plain else self._make_context(asker, question)
        ruling = decide(caller, question.action, [question.resource], context)
        if ruling.allowed:
            return None
        return "Access Denied" if visitor.anonymous else describe_refusal(caller, ruling)

    def is_public(self, policy: str, bucket: str) -> bool:
        """Whether a bucket policy lets in just anybody. Raises StoreError MalformedPolicy."""
        try:
            return is_public(policy, bucket)
        except MalformedPolicy as error:
            raise StoreError("MalformedPolicy", str(error)) from None

    def _make_context(self, asker: Asker, question: Question) -> dict[str, object]:
        head, claim = asker.head, asker.claim
        now = Circumstances(
            self.clock(), self.region, head.peer or None, head.headers.get("user-agent"), secure=False
        )
        kind = None if claim is None else "REST-HEADER" if claim.expires is None else "REST-QUERY-STRING"
        age = None if claim is None or claim.expires is None else str(int((now.now - claim.at) * 1000))
        return {
            **context_of(asker.caller, now),
            "s3:authType": kind,
            "s3:signatureversion": None if claim is None else "AWS4-HMAC-SHA256",
            "s3:signatureAge": age,
            "s3:ResourceAccount": asker.caller.identity.account or None,
            **question.context(),
        }

    def _load(self, access_key_id: str, now: float) -> Known | None:
        """In a thread: the loop goes on meanwhile."""
        with self.db.read() as conn:
            key = find_key(conn, self.vault, access_key_id)
            if key is None:
                self.kept.drop(access_key_id)
                return None
            caller = make_caller(conn, self.reader, key)
        secret = sigv4.Secret(key.secret, key.active, key.token_hash, key.expires_at)
        known = Known(secret, caller, not any(map(needs_context, _all(caller.policies))), now + KEPT_SECONDS)
        self.kept.put(access_key_id, known)
        return known


def _is_rescue(caller: Caller, action: str) -> bool:
    """Whether the administrator asks for a bucket's policy, which S3 lets an account's root do whatever it says.

    Else a policy that denies everybody everything would close its bucket for ever.
    """
    admin = f"arn:aws:iam::{caller.identity.account}:user/{ADMIN_NAME}"
    return caller.principal_arn == admin and action in _POLICY_ACTIONS


def _all(policies: Policies) -> list[Policy]:
    sources: tuple[Source, ...] = (
        *policies.identity,
        *(policies.boundary or ()),
        *(policies.session or ()),
    )
    return [source.policy for source in sources]
