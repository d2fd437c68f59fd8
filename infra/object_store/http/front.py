"""From a request to its answer: whose it is, what it asks, whether they may, and the function that does it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from infra.object_store.errors import StoreError, translate_failure
from infra.object_store.http import xml
from infra.object_store.http.access import Authorizer, Question, Visitor
from infra.object_store.http.answers import Answer, error_answer
from infra.object_store.http.body import Body
from infra.object_store.http.circumstances import find_existing_tags, read_request
from infra.object_store.http.errors import refuse
from infra.object_store.http.operations import Operation, find_operation
from infra.object_store.http.request import Address, Head, read_address
from infra.object_store.interface import ObjectStore
from infra.object_store.model import Bucket, ObjectRef

log = logging.getLogger(__name__)
_ARN = "arn:aws:s3:::"


@dataclass(frozen=True, slots=True)
class Site:
    """What a store says of itself. `domains`: below which a host's first part is a bucket."""

    region: str = "us-east-1"
    account: str = "123456789012"
    owner: str = "0" * 64
    """The canonical id of the account."""
    domains: tuple[str, ...] = ("localhost",)


@dataclass(frozen=True, slots=True)
class Call:
    """One request while it is answered."""

    site: Site
    store: ObjectStore
    authorizer: Authorizer
    head: Head
    address: Address
    operation: Operation
    visitor: Visitor
    body: Body
    stop: asyncio.Event
    """Set when the store stops: what would go on for ever ends."""

    @property
    def query(self) -> Mapping[str, str]:
        return self.address.query

    @property
    def bucket_name(self) -> str:
        return self.address.bucket

    @property
    def key(self) -> str:
        return self.address.key

    @property
    def ref(self) -> ObjectRef:
        """The object that is meant, with the version that is named."""
        return ObjectRef(self.address.bucket, self.address.key, self.version_id)

    @property
    def version_id(self) -> str | None:
        """Of the query. Raises StoreError when it is empty."""
        found = self.query.get("versionId")
        if found == "":
            raise refuse(
                "InvalidArgument", "Version id cannot be the empty string", {"ArgumentName": "versionId"}
            )
        return found

    def header(self, name: str) -> str | None:
        return self.head.headers.get(name)

    def bucket(self) -> Bucket:
        """Raises StoreError NoSuchBucket."""
        return self.store.get_bucket(self.address.bucket)

    def find_refusal(
        self, action: str, bucket: str, key: str = "", version: str | None = None, **context: object
    ) -> str | None:
        """Why the caller may not, or None. `context`: further condition keys. Raises StoreError NoSuchBucket."""
        found = self.store.get_bucket(bucket) if bucket else None
        block = found.public_access_block if found else None
        resource = f"{_ARN}{bucket or '*'}{'/' + key if key else ''}"
        question = Question(
            action,
            resource,
            lambda: {
                **read_request(self.query, self.head.headers),
                **find_existing_tags(self.store, action, ObjectRef(bucket, key, version)),
                **({} if version is None else {"s3:VersionId": version}),
                **context,
            },
            found.policy if found else None,
            block is not None and block.restrict_public_buckets,
        )
        return self.authorizer.find_refusal(self.visitor, question)

    def require(
        self, action: str, bucket: str, key: str = "", version: str | None = None, **context: object
    ) -> None:
        """Raises StoreError AccessDenied, and NoSuchBucket."""
        reason = self.find_refusal(action, bucket, key, version, **context)
        if reason is not None:
            raise refuse("AccessDenied", reason)


Handler = Callable[[Call], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Front:
    """Answers requests."""

    store: ObjectStore
    authorizer: Authorizer
    handlers: Mapping[str, Handler]
    site: Site = field(default_factory=Site)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, head: Head, body: Body) -> Answer:
        """Never raises: whatever goes wrong is an answer."""
        try:
            return await self._answer(head, body)
        except StoreError as error:
            return error_answer(error, head)
        except Exception as error:
            failure = translate_failure(error)
            if failure.code == "InternalError":
                log.exception("a request failed", extra={"request": head.request_id})
            return error_answer(failure, head)

    async def _answer(self, head: Head, body: Body) -> Answer:
        address = read_address(head, self.site.domains)
        visitor = await self.authorizer.identify(head)
        operation = find_operation(head, address)
        call = Call(
            self.site, self.store, self.authorizer, head, address, operation, visitor, body, self.stop
        )
        _check_owner(call)
        if not operation.after_body:
            action = operation.action
            if operation.version_action and "versionId" in address.query:
                action = operation.version_action
            if operation.name == "CreateBucket":
                _require_creation(call)
            elif operation.resource == "object":
                call.require(action, address.bucket, address.key, address.query.get("versionId") or None)
            else:
                call.require(action, address.bucket)
        return await self.handlers[operation.name](call)


def _require_creation(call: Call) -> None:
    """A bucket that is not there has no policy; nor has the one of others that is there a say."""
    context = partial(read_request, call.query, call.head.headers)
    question = Question(call.operation.action, f"{_ARN}{call.bucket_name}", context)
    reason = call.authorizer.find_refusal(call.visitor, question)
    if reason is not None:
        raise refuse("AccessDenied", reason)


def _check_owner(call: Call) -> None:
    expected = call.header("x-amz-expected-bucket-owner")
    if expected is not None and expected != call.site.account:
        raise refuse(
            "AccessDenied", "Access Denied: the bucket is not of the account that the request expects"
        )


def owner_xml(call: Call, name: str = "Owner") -> xml.Raw:
    """The account, as S3 shows owners."""
    return xml.group(name, {"ID": call.site.owner, "DisplayName": call.site.account})
