"""Hypothesis chooses what happens to the simulated cell, and makes what it finds short."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.unit.runner.simulation.conftest import MakeWorld
from tests.unit.runner.simulation.world import World

_numbers = itertools.count(10_000)


class Cell(RuleBasedStateMachine):
    """One cell; every rule is something that may happen to it."""

    make: MakeWorld
    world: World

    @initialize(seed=st.integers(0, 99))
    def begin(self, seed: int) -> None:
        self.world = type(self).make(next(_numbers))
        self.world.rng.seed(seed)

    @rule(seconds=st.sampled_from((0.0, 0.1, 2.0, 10.0, 45.0)))
    def time_passes(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @rule()
    def somebody_acts(self) -> None:
        self.world.act()

    @rule()
    def connection_breaks(self) -> None:
        self.world.net.cut()

    @rule()
    def engine_dies(self) -> None:
        self.world.lose_engine()

    @precondition(lambda self: self.world.agent.is_up)
    @rule()
    def agent_dies(self) -> None:
        self.world.agent.die()

    @precondition(lambda self: not self.world.agent.is_up)
    @rule()
    def agent_rises(self) -> None:
        self.world.agent.rise()

    @rule()
    def outcome_is_told_again(self) -> None:
        self.world.agent.repeat()

    @rule(seconds=st.sampled_from((-3600.0, -1.0, 60.0)))
    def clock_steps(self, seconds: float) -> None:
        self.world.offset += seconds

    @invariant()
    def all_holds(self) -> None:
        if hasattr(self, "world"):
            self.world.check(by_user=False)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            try:
                self.world.settle()
            finally:
                self.world.close()


def test_cell_keeps_its_promises_whatever_happens(make_world: MakeWorld) -> None:
    machine: Any = type("MadeCell", (Cell,), {"make": staticmethod(make_world)})
    machine.TestCase.settings = settings(
        max_examples=8,
        stateful_step_count=30,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    machine.TestCase().runTest()
