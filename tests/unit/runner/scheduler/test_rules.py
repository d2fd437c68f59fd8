"""What the configuration decides about the scheduler as a whole."""

from __future__ import annotations

from typing import Any, cast

from runner.scheduler.changes import Changes
from runner.scheduler.deciding import Decider, Rules


def test_nothing_is_made_when_use_job_schedule_is_off() -> None:
    nobody: Any = cast(Any, None)  # no database is asked
    decider = Decider(nobody, Rules(3, makes_runs=False), nobody, nobody)
    changes = Changes()
    changes.create_runs = changes.create_asset_runs = True
    assert decider.create(nobody, changes, 0.0) is None
