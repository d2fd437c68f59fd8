"""What the bucket has of an environment's requirements, plugins and startup script, against what is applied. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from control_plane.domain.equipment import MEMBERS, Source, version_member

RETRY_SECONDS = 900.0
"""What could not be applied is tried again after so long: it may have been the index, or the network."""


@dataclass(frozen=True, slots=True)
class Newest:
    """`sources`: of every member that follows the bucket. `refused`: those that could not be applied, when and why."""

    sources: Mapping[str, Source] = field(default_factory=dict)
    refused: Mapping[str, Source] = field(default_factory=dict)
    refused_at: float = 0.0
    reason: str = ""


def list_followed(spec: Mapping[str, Any]) -> list[str]:
    """The members that name an object and pin no version of it."""
    return [member for member in MEMBERS if spec.get(member) and not spec.get(version_member(member))]


def list_newer(sources: Mapping[str, Source], applied: Mapping[str, Source]) -> list[str]:
    """The members whose object is not the one that was applied, in the order of use. The same content is the same."""
    return [member for member in MEMBERS if member in sources and not is_same(sources, applied, member)]


def list_due(newest: Newest, applied: Mapping[str, Source], now: float) -> list[str]:
    """The members to be applied now: newer ones, unless just these were refused a short while ago."""
    newer = list_newer(newest.sources, applied)
    known = all(is_same(newest.sources, newest.refused, member) for member in newer)
    return [] if known and now < newest.refused_at + RETRY_SECONDS else newer


def is_same(one: Mapping[str, Source], other: Mapping[str, Source], member: str) -> bool:
    """Whether both have the same content of a member."""
    ours, theirs = one.get(member), other.get(member)
    return ours is not None and theirs is not None and (ours.key, ours.etag) == (theirs.key, theirs.etag)
