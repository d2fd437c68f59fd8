"""A way to get a signature wrong, and how to find the one a file of expected values means."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from control_plane.iam.canonical import Request
from control_plane.iam.sigv4 import Secret
from tests.vectors.forge import AT, KEYS, Attempt, Change, Draft

DEFAULT = Draft()

Clock = Callable[[float], float]
"""The server's time, from the window W in seconds."""


def unchanged(request: Request) -> Request:
    """The request as it was signed."""
    return request


def on_time(_window: float) -> float:
    """The server's clock agrees with the client's."""
    return AT


@dataclass(frozen=True, slots=True)
class Mutation:
    """What is signed, what happens to it afterwards, and what the server knows when it arrives."""

    draft: Draft = DEFAULT
    edit: Change = unchanged
    presigned: bool = False
    clock: Clock = on_time
    keys: Mapping[str, Secret] | None = None

    def attempt(self, window: float) -> Attempt:
        """The request as it arrives."""
        signed = self.draft.presigned_request() if self.presigned else self.draft.signed_request()
        return Attempt(self.edit(signed), window, self.clock(window), self.keys or KEYS)


_CLOCK = re.compile(r"server clock = request time ([+-]) (?:\(W ?([+-]) ?(\d+)\)|(W)|(\d+)) ?s")
_PRESIGN_CLOCK = re.compile(r"now = X-Amz-Date ([+-]) (?:(Expires)(?: ([+-]) (\d+))?|(\d+))(?: ?s|$)")


def find_clock(change: str) -> Mutation | None:
    """The mutation a description spells out, when all it changes is the server's clock."""
    return _find_clock(change) or _find_presign_clock(change)


def _find_clock(change: str) -> Mutation | None:
    match = _CLOCK.search(change)
    if match is None:
        return None
    side, correction, by, _, fixed = match.groups()

    def clock(window: float) -> float:
        distance = float(fixed) if fixed else window + _signed(correction, by)
        return AT + distance if side == "+" else AT - distance

    return Mutation(clock=clock)


def _find_presign_clock(change: str) -> Mutation | None:
    match = _PRESIGN_CLOCK.search(change)
    if match is None:
        return None
    side, expires, correction, by, fixed = match.groups()
    distance = float(Draft().expires) + _signed(correction, by) if expires else float(fixed)
    return Mutation(presigned=True, clock=lambda _window: AT + distance if side == "+" else AT - distance)


def _signed(sign: str | None, number: str | None) -> float:
    return 0.0 if number is None else float(f"{sign}{number}")
