"""Who ends for its memory: the truth table."""

from __future__ import annotations

import pytest

from runner.domain.memory import Allowance, allow, find_excess, is_near, show

MIB, GIB = 1 << 20, 1 << 30
SMALL = Allowance(2 * GIB, 4 * GIB)
PLENTY = (8 * GIB, 16 * GIB)


@pytest.mark.parametrize(
    ("usage", "allowance", "free", "attempt", "words"),
    [
        ({}, SMALL, PLENTY, None, ""),
        ({"a": 2 * GIB, "b": 100}, SMALL, PLENTY, None, ""),
        ({"a": 2 * GIB + MIB, "b": 100}, SMALL, PLENTY, "a", "it used 2.0 GiB; one task may use 2.0 GiB"),
        ({"a": 100, "b": 3 * GIB}, SMALL, None, "b", "choose a larger EnvironmentClass"),
        (
            dict.fromkeys("abc", 3 * GIB // 2),
            SMALL,
            PLENTY,
            "a",
            "all tasks together used 4.5 GiB of the 4.0 GiB",
        ),
        ({"a": 1 * GIB, "b": 500 * MIB}, SMALL, (MIB, 16 * GIB), "a", "only 1 MiB of 16.0 GiB were left"),
        ({"a": 50 * MIB}, SMALL, (MIB, 16 * GIB), None, ""),
        ({"a": 9 * GIB}, Allowance(), PLENTY, None, ""),
        ({"a": 9 * GIB}, Allowance(), (0, 16 * GIB), "a", "only 0 MiB of 16.0 GiB were left"),
    ],
)
def test_the_largest_ends_when_there_is_too_much(
    usage: dict[str, int], allowance: Allowance, free: tuple[int, int] | None, attempt: str | None, words: str
) -> None:
    excess = find_excess(usage, allowance, free)
    assert (excess.attempt if excess else None) == attempt
    assert words in (excess.reason if excess else "")


def test_the_allowance_grows_with_the_workers_that_attempts_stand_on() -> None:
    assert allow(2 * GIB, 5, 1, 3) == Allowance(2 * GIB, 2 * GIB)
    assert allow(2 * GIB, 5, 1, 6) == Allowance(2 * GIB, 4 * GIB)
    assert allow(2 * GIB, 5, 3, 6) == Allowance(2 * GIB, 6 * GIB)
    assert allow(0, 0, 1, 6) == Allowance(0, 0)


def test_half_of_what_is_allowed_is_near() -> None:
    assert is_near({"a": GIB + 1}, SMALL) and is_near(dict.fromkeys("abcd", GIB), SMALL)
    assert (
        not is_near({"a": GIB}, SMALL)
        and not is_near({}, SMALL)
        and not is_near({"a": 99 * GIB}, Allowance())
    )


def test_sizes_are_shown_as_people_say_them() -> None:
    assert (show(3 * GIB // 2), show(64 * MIB)) == ("1.5 GiB", "64 MiB")
