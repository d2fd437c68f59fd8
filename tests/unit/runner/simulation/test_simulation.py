"""The engine lives through crashes, losses and meddling, seed by seed; a failure names the seed that repeats it."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.unit.runner.simulation.conftest import MakeWorld
from tests.unit.runner.simulation.invariants import Violation
from tests.unit.runner.simulation.world import COMMIT_FAULTS, FAULTS
from tests.unit.runner.simulation.zoo import FIRST, LOOSE, ZOO

SEEDS = 7
STEPS = 150
PATIENCE = 16
"""Within how many seeds a planted bug is found."""


def test_invariants_hold_whatever_goes_wrong(make_world: MakeWorld) -> None:
    met: Counter[str] = Counter()
    for seed in range(SEEDS):
        world = make_world(seed)
        world.run(STEPS)
        met += world.met
    assert set(met) == {*COMMIT_FAULTS, *FAULTS}, "every kind of fault was met at least once"


@pytest.mark.parametrize("name", ZOO)
def test_planted_bug_is_found(name: str, make_world: MakeWorld) -> None:
    bug, invariants = ZOO[name]
    first = FIRST.get(name, 0)
    for seed in range(first, first + PATIENCE):
        world = make_world(seed, name in LOOSE)
        try:
            with bug(world):
                world.run(STEPS)
        except Violation as found:
            said = str(found).split(": ")[1]
            assert said in invariants.split(), f"found by another invariant: {found}"
            return
    pytest.fail(f"{PATIENCE} seeds from {first} did not find {name!r}")


def test_a_seed_lives_the_same_life_twice(make_world: MakeWorld) -> None:
    lives = []
    for _ in range(2):
        world = make_world(3)
        world.run(40)
        lives.append((world.steps, dict(world.met), world.agent.truth, world.agent.called))
    assert lives[0] == lives[1]
