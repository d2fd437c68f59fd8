"""Scaling: the truth table, and histories that must never starve or end a task."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from runner.domain.workers import QUIET_SECONDS, Bounds, Workers, find_room, scale

SMALL = Bounds(tasks=5, fewest=1, most=10)


@pytest.mark.parametrize(
    ("have", "running", "count"),
    [(0, 0, 1), (1, 0, 1), (1, 5, 1), (1, 6, 2), (2, 50, 10), (10, 51, 11)],
)
def test_workers_are_there_at_once_when_tasks_begin(have: int, running: int, count: int) -> None:
    assert scale(Workers(have), SMALL, running, 0.0).count == count


def test_a_worker_goes_only_when_it_was_not_needed_for_a_while() -> None:
    busy = scale(Workers(), SMALL, 20, now=0.0)
    assert busy.count == 4
    assert scale(busy, SMALL, 1, now=QUIET_SECONDS - 1).count == 4
    again = scale(busy, SMALL, 16, now=QUIET_SECONDS - 1)
    assert scale(again, SMALL, 1, now=QUIET_SECONDS + 1).count == 4, "it was needed meanwhile"
    assert scale(busy, SMALL, 6, now=QUIET_SECONDS).count == 2


def test_lower_bounds_take_no_worker_from_running_tasks() -> None:
    lower = Bounds(tasks=5, fewest=1, most=2)
    there = scale(Workers(10, 99.0), lower, running=31, now=1.0)
    assert there.count == 7, "seven stand under running tasks"
    assert find_room(lower, 31) == 0, "but they take no more"
    assert scale(there, lower, 8, now=2.0).count == 2
    assert find_room(lower, 8) == 2


def test_another_class_counts_anew_when_its_workers_hold_more() -> None:
    large = Bounds(tasks=20, fewest=1, most=10)
    assert scale(Workers(4, 0.0), large, 20, now=1.0).count == 1


def test_slots_alone_decide_when_workers_hold_no_number_of_tasks() -> None:
    assert scale(Workers(), Bounds(), 7, 0.0) == Workers()
    assert find_room(Bounds(), 7) is None


def test_nothing_begins_when_the_cell_is_draining() -> None:
    assert find_room(Bounds(draining=True), 0) == find_room(replace(SMALL, draining=True), 3) == 0


def test_every_history_serves_all_it_may_and_ends_nothing() -> None:
    rng = random.Random(7)
    for _ in range(200):
        bounds = Bounds(rng.choice([3, 5, 20]), 1, rng.randint(1, 12))
        workers, running, queued, now = Workers(), 0, 0, 0.0
        for _ in range(60):
            now += rng.choice([0.01, 1.0, 200.0])
            queued += rng.choice([0, 0, 1, 30])
            if rng.random() < 0.1:
                bounds = replace(bounds, most=rng.randint(1, 12))
            begun = min(find_room(bounds, running) or 0, queued)
            running, queued = running + begun, queued - begun
            assert not queued or running >= bounds.most * bounds.tasks, "a task waits without need"
            workers = scale(workers, bounds, running, now)
            assert running <= workers.count * bounds.tasks, "a running task lost its worker"
            assert workers.count <= max(bounds.most, -(-running // bounds.tasks)), (
                "more than the owner allows"
            )
            running -= rng.randint(0, running)
