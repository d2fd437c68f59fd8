"""Token buckets: what may be done at once, what in the long run, and when to come again."""

from __future__ import annotations

import pytest

from control_plane.api.throttle import Throttle
from control_plane.domain.errors import Code, ServiceError
from control_plane.domain.throttle import Bucket, Rate, Rates, parse_rates, take


def test_burst_passes_at_once_and_then_the_rate_counts() -> None:
    rate, bucket, now = Rate(10, 5), None, 100.0
    waits = []
    for _ in range(7):
        bucket, wait = take(bucket, rate, now)
        waits.append(round(wait, 6))
    assert waits == [0, 0, 0, 0, 0, 0.1, 0.1], "a refused call costs nothing"
    passed = sum(take_many(rate, [now + step / 100 for step in range(1000)]))
    assert passed == 5 + 99, "ten seconds of asking a hundred times a second"


def take_many(rate: Rate, times: list[float]) -> list[bool]:
    bucket: Bucket | None = None
    passed = []
    for now in times:
        bucket, wait = take(bucket, rate, now)
        passed.append(wait == 0)
    return passed


def test_clock_that_goes_back_gives_nothing() -> None:
    bucket, _ = take(None, Rate(1, 1), 100.0)
    assert take(bucket, Rate(1, 1), 50.0)[1] == 1.0


def test_rates_are_read_per_operation() -> None:
    rates = parse_rates("500, InvokeRestApi=10:20 ,GetEnvironment=0")
    assert rates.find("ListEnvironments") == Rate(500, 1000)
    assert rates.find("InvokeRestApi") == Rate(10, 20)
    assert rates.find("GetEnvironment") is None
    assert parse_rates("0").find("ListEnvironments") is None


@pytest.mark.parametrize("text", ["", "many", "-1", "1:x", "A=", "nan", "inf"])
def test_rates_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no rate"):
        parse_rates(text)


def test_caller_who_asks_too_often_holds_up_nobody_else() -> None:
    throttle = Throttle(Rates({"*": Rate(0.5, 1)}), lambda: 7.0)
    throttle.check("ListEnvironments", "alice")
    with pytest.raises(ServiceError) as caught:
        throttle.check("ListEnvironments", "alice")
    assert (caught.value.code, caught.value.retry_after) == (Code.THROTTLING, 2.0)
    throttle.check("GetEnvironment", "alice")
    throttle.check("ListEnvironments", "bob")
