"""The reconciler's truth table: status x what runs x busy -> action."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any, cast

import pytest

from control_plane.domain.environment import Environment, LastUpdate
from control_plane.domain.status import Status
from control_plane.reconcile.plan import (
    QUIET_SECONDS,
    Action,
    Cell,
    Starts,
    Verb,
    count_start,
    forgive,
    plan,
    wait_after,
)
from infra.provisioner import Observed

NOW = 1000.0
S = Status


def row(status: Status, name: str = "demo") -> Environment:
    last = LastUpdate("PENDING", 0.0)
    return Environment(name, "0" * 32, "arn", status, 0.0, cast(Any, {}), 0.0, last, "localhost:8443")


def cell(engine: int | None, agent: int | None, **more: Any) -> Cell:
    return Cell(Observed(True, {"engine": engine, "agent": agent}), **more)


NEVER = Cell(Observed(False))
UP, NO_ENGINE, DOWN = cell(1, 2), cell(None, 2), cell(None, None)
START = Action(Verb.START, "demo", ("engine", "agent"))
START_ENGINE = Action(Verb.START, "demo", ("engine",))
CREATE, DELETE, STOP = (Action(verb, "demo") for verb in (Verb.CREATE, Verb.DELETE, Verb.STOP))
UPDATE, BACK, PAUSE = (Action(verb, "demo") for verb in (Verb.UPDATE, Verb.ROLL_BACK, Verb.PAUSE))
RECOVER = Action(Verb.RECOVER, "demo")

TABLE: dict[Status, tuple[Action | None, Action | None, Action | None, Action | None]] = {
    #                  never made  all run   no engine     none runs
    S.CREATING: (CREATE, CREATE, CREATE, CREATE),
    S.AVAILABLE: (START, None, START_ENGINE, START),
    S.CREATE_FAILED: (None, STOP, STOP, None),
    S.DELETING: (DELETE, DELETE, DELETE, DELETE),
    S.DELETED: (DELETE, DELETE, DELETE, DELETE),
    S.PENDING: (None, None, None, None),
    S.UPDATING: (UPDATE, UPDATE, UPDATE, UPDATE),
    S.CREATING_SNAPSHOT: (UPDATE, UPDATE, UPDATE, UPDATE),
    S.ROLLING_BACK: (BACK, BACK, BACK, BACK),
    S.UPDATE_FAILED: (START, None, START_ENGINE, START),
    S.MAINTENANCE: (START, None, START_ENGINE, START),
    S.UNAVAILABLE: (START, RECOVER, START_ENGINE, START),
}


@pytest.mark.parametrize(
    ("status", "seen", "expected"),
    [
        pytest.param(status, seen, expected, id=f"{status}-{label}")
        for status, actions in TABLE.items()
        for (label, seen), expected in zip(
            {"never": NEVER, "up": UP, "no-engine": NO_ENGINE, "down": DOWN}.items(), actions, strict=True
        )
    ],
)
def test_plan_follows_the_table_when_nothing_is_under_way(
    status: Status, seen: Cell, expected: Action | None
) -> None:
    assert plan([row(status)], {"demo": seen}, NOW) == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("status", "wanted", "seen", "expected"),
    [
        (S.UPDATING, False, UP, PAUSE),
        (S.UPDATING, False, DOWN, PAUSE),
        (S.UPDATING, True, DOWN, UPDATE),
        (S.ROLLING_BACK, True, DOWN, BACK),
        (S.UNAVAILABLE, False, DOWN, None),
        (S.UNAVAILABLE, False, UP, STOP),
        (S.UNAVAILABLE, False, NO_ENGINE, STOP),
        (S.DELETING, False, DOWN, DELETE),
    ],
)
def test_nothing_is_started_when_the_owner_has_paused_it(
    status: Status, wanted: bool, seen: Cell, expected: Action | None
) -> None:
    paused = replace(row(status), paused="GRACEFUL", wanted=cast(Any, {}) if wanted else None)
    assert plan([paused], {"demo": seen}, NOW) == ([expected] if expected else [])


def test_the_table_is_complete() -> None:
    assert set(TABLE) == set(Status)


@pytest.mark.parametrize("status", list(Status))
def test_plan_leaves_a_cell_alone_when_a_job_works_on_it(status: Status) -> None:
    for engine, agent in itertools.product((None, 1), repeat=2):
        assert plan([row(status)], {"demo": cell(engine, agent, busy=True)}, NOW) == []


def test_plan_decides_each_environment_alone_when_there_are_several() -> None:
    rows = [row(S.CREATING, "a"), row(S.AVAILABLE, "b"), row(S.DELETING, "c")]
    assert plan(rows, {"b": UP, "c": UP}, NOW) == [Action(Verb.CREATE, "a"), Action(Verb.DELETE, "c")]


def test_plan_waits_longer_and_longer_when_a_process_keeps_dying() -> None:
    assert [wait_after(count) for count in (0, 1, 2, 3, 4, 5, 9)] == [0, 0, 0, 1, 2, 4, 30]
    tired = cell(None, 2, starts={"engine": Starts(5, NOW - 3.9)})
    assert plan([row(S.AVAILABLE)], {"demo": tired}, NOW) == []
    assert plan([row(S.AVAILABLE)], {"demo": tired}, NOW + 0.2) == [START_ENGINE]


def test_forgive_cleans_the_record_when_a_process_outlived_its_start() -> None:
    observed = Observed(True, {"engine": 7, "agent": None})
    old, young = Starts(7, NOW - QUIET_SECONDS), Starts(2, NOW - QUIET_SECONDS + 0.1)
    assert forgive({"engine": old}, observed, NOW) == {"engine": Starts(0, old.last)}
    assert forgive({"engine": young, "agent": old}, observed, NOW) == {"engine": young, "agent": old}
    assert count_start(Starts(1, NOW - 1), NOW) == Starts(2, NOW)
