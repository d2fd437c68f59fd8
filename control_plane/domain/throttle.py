"""How many calls of one operation one caller may make: token buckets. Pure; the time is an argument."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

OTHERS = "*"


@dataclass(frozen=True, slots=True)
class Rate:
    """So many a second in the long run, and so many at once."""

    per_second: float
    burst: float


@dataclass(frozen=True, slots=True)
class Rates:
    """Operation -> its rate; `*` is for all that are not named, None for no limit."""

    named: Mapping[str, Rate | None] = field(default_factory=dict)

    def find(self, operation: str) -> Rate | None:
        """The rate of an operation, if it has one."""
        return self.named.get(operation, self.named.get(OTHERS))


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is left at a time."""

    tokens: float
    at: float


def take(bucket: Bucket | None, rate: Rate, now: float) -> tuple[Bucket, float]:
    """The bucket after one call, and 0; or as it is, and the seconds until the next call can be made."""
    before = Bucket(rate.burst, now) if bucket is None else bucket
    tokens = min(rate.burst, before.tokens + max(0.0, now - before.at) * rate.per_second)
    if tokens >= 1.0:
        return Bucket(tokens - 1.0, now), 0.0
    return Bucket(tokens, now), (1.0 - tokens) / rate.per_second


def parse_rates(text: str) -> Rates:
    """`500, InvokeRestApi=10:20`: calls a second, and at once (twice as many, if not said); 0 is no limit.

    Raises ValueError, which says what is wrong.
    """
    named: dict[str, Rate | None] = {}
    for part in text.split(","):
        name, _, rate = part.rpartition("=")
        named[name.strip() or OTHERS] = _parse_rate(rate.strip())
    return Rates(named)


def _parse_rate(text: str) -> Rate | None:
    first, _, second = text.partition(":")
    try:
        per_second = float(first)
        burst = float(second) if second else 2 * per_second
    except ValueError:
        raise ValueError(
            f"{text!r} is no rate: write calls a second, or calls a second:calls at once"
        ) from None
    if not 0 <= per_second < 1e9 or not 0 <= burst < 1e9:
        raise ValueError(f"{text!r} is no rate: it must be 0 or more")
    return None if per_second == 0 else Rate(per_second, max(1.0, burst))
