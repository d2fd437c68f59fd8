"""Policies as they are evaluated. `grammar` makes them of JSON. Pure."""

from __future__ import annotations

from collections.abc import Mapping
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
