"""What the edge must be handed to know who asks and what they may: it knows no keys and no policies itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from infra.object_store.http.chunked import ChunkVerifier
from infra.object_store.http.request import Head


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks. `caller` is the authorizer's own business."""

    caller: Any = None
    payload: str = "UNSIGNED-PAYLOAD"
    """What the body must be: x-amz-content-sha256."""
    chunks: ChunkVerifier | None = None
    """Knows the signatures of the body's chunks, where they are signed."""
    anonymous: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """May they? `policy` is the bucket's; `restricted`: it counts for nobody outside the account."""

    action: str
    resource: str
    context: Callable[[], Mapping[str, object]] = dict
    """The condition keys that the request brings; asked for only where a policy asks."""
    policy: str | None = None
    restricted: bool = False


class Authorizer(Protocol):
    """Handed in by whoever runs the store."""

    async def identify(self, head: Head) -> Visitor:
        """Who signed the request; anonymous when nobody did. Raises StoreError with S3's code."""
        ...

    def find_refusal(self, visitor: Visitor, question: Question) -> str | None:
        """Why they may not, in a sentence; None when they may."""
        ...

    def is_public(self, policy: str, bucket: str) -> bool:
        """Whether a bucket policy lets in just anybody. Raises StoreError MalformedPolicy."""
        ...
