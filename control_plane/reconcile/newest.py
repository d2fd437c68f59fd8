"""What the bucket has now of an environment's requirements, plugins and startup script, and what became of it.

Kept in the cell's home beside its equipment: `newest.json`. Lost, it is found again by the next look.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from control_plane.domain.environment import Environment
from control_plane.domain.equipment import MEMBERS, Source, version_member
from control_plane.private_files import write_private

NEWEST = "newest.json"
RETRY_SECONDS = 900.0
"""What could not be applied is tried again after so long: it may have been the index, or the network."""


@dataclass(frozen=True, slots=True)
class Newest:
    """`sources`: of every member that follows the bucket. `refused`: those that could not be applied, when and why."""

    sources: Mapping[str, Source] = field(default_factory=dict)
    refused: Mapping[str, Source] = field(default_factory=dict)
    refused_at: float = 0.0
    reason: str = ""


def list_followed(environment: Environment) -> list[str]:
    """The members that name an object and pin no version of it."""
    spec: Mapping[str, Any] = dict(environment.spec)
    return [member for member in MEMBERS if spec.get(member) and not spec.get(version_member(member))]


def is_newer(sources: Mapping[str, Source], applied: Mapping[str, Source]) -> list[str]:
    """The members whose object is not the one that was applied, in the order of use. The same content is the same."""
    return [member for member in MEMBERS if member in sources and not _is_same(sources, applied, member)]


def is_due(newest: Newest, applied: Mapping[str, Source], now: float) -> list[str]:
    """The members to be applied now: newer ones, unless just these were refused a short while ago."""
    newer = is_newer(newest.sources, applied)
    known = all(_is_same(newest.sources, newest.refused, member) for member in newer)
    return [] if known and now < newest.refused_at + RETRY_SECONDS else newer


def find_newest(home: Path) -> Newest:
    """What was seen last; nothing when it is not written down."""
    try:
        data = json.loads((home / NEWEST).read_text(encoding="utf-8"))
        return Newest(
            _sources(data["sources"]), _sources(data["refused"]), data["refused_at"], data["reason"]
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return Newest()


def put_newest(home: Path, newest: Newest) -> None:
    """Write it down, when it says something new."""
    if home.is_dir() and find_newest(home) != newest:
        write_private(home / NEWEST, json.dumps(asdict(newest), indent=1, sort_keys=True))


def _sources(data: Mapping[str, Any]) -> dict[str, Source]:
    return {member: Source(**source) for member, source in data.items()}


def _is_same(one: Mapping[str, Source], other: Mapping[str, Source], member: str) -> bool:
    ours, theirs = one.get(member), other.get(member)
    return ours is not None and theirs is not None and (ours.key, ours.etag) == (theirs.key, theirs.etag)
