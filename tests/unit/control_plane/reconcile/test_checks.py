"""What the owner of an environment is told of what cannot be applied."""

from __future__ import annotations

import pytest

from control_plane.reconcile.checks import CannotApply


@pytest.mark.parametrize(
    ("message", "fix", "told"),
    [
        (
            "cannot read x: it is gone",
            "upload it",
            "cannot read x: it is gone; upload it, then create it again",
        ),
        ("uv says:\nno", "Mend the file", "uv says:\nno\nMend the file, then create it again"),
    ],
)
def test_the_fix_stands_between_the_reason_and_what_to_do_then(message: str, fix: str, told: str) -> None:
    assert CannotApply("INCORRECT_CONFIGURATION", message, fix).tell("create it again") == told


def test_the_fix_is_told_whole_when_the_reason_is_longer_than_there_is_room() -> None:
    told = CannotApply("INTERNAL_ERROR", "word " * 1000, "mend it").tell("update it again")
    assert len(told) == 1024
    assert told.endswith("word ...; mend it, then update it again")
