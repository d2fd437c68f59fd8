"""Policies as they are evaluated. `grammar` makes them of JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from control_plane.iam.conditions import Condition


class Kind(StrEnum):
    """What a policy is for, which decides what must and must not stand in it."""

    IDENTITY = "identity"
    RESOURCE = "resource"
    TRUST = "trust"


class MalformedPolicy(ValueError):
    """The document is no policy; the message is AWS's."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement; of each pair (Action, NotAction) one is there."""

    allows: bool
    sid: str = ""
    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    not_resources: tuple[str, ...] = ()
    principals: Mapping[str, tuple[str, ...]] | None = None
    not_principals: Mapping[str, tuple[str, ...]] | None = None
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """A document that was read."""

    statements: tuple[Statement, ...]
    variables: bool
    """Whether `${...}` are variables: since 2012-10-17."""

    def asks_for(self, prefix: str) -> bool:
        """Whether a condition key that begins so has a say, in a condition or as a variable."""
        return any(text.lower().find(prefix) >= 0 for text in self._texts())

    def _texts(self) -> Iterator[str]:
        for statement in self.statements:
            yield from (*statement.resources, *statement.not_resources)
            for condition in statement.conditions:
                yield from (condition.key, *condition.values)
