"""Which tasks are skipped again when they are cleared and the branch before them is not."""

from __future__ import annotations

from typing import Any

import pytest

from runner.domain.graph import build
from runner.domain.skips import Place, find_passed_over, is_passed_over
from runner.domain.spec import TaskSpec

GRAPH = build(
    [
        TaskSpec("branch"),
        TaskSpec("yes", upstream=("branch",)),
        TaskSpec("no", upstream=("branch",), trigger_rule="all_done"),
        TaskSpec("below", upstream=("no",), trigger_rule="all_done"),
        TaskSpec("both", upstream=("branch", "cut")),
        TaskSpec("cut"),
    ]
)
FOLLOWS_YES = {"followed": ["yes", "both"]}


def find(notes: dict[Place, Any], *instances: tuple[str, int, str | None]) -> dict[Place, str]:
    return find_passed_over(GRAPH, instances, lambda: notes)


@pytest.mark.parametrize(
    "note, is_skipped",
    [
        ({"followed": ["other"]}, True),
        ({"followed": []}, True),
        ({"followed": ["t", "other"]}, False),
        ({"skipped": ["t"]}, True),
        ({"skipped": ["other"]}, False),
        ({"followed": ["t"], "skipped": ["t"]}, True),
        ({}, False),
        (None, False),
        ("t", False),
        ({"skipped": "t"}, False),
        ({"skipped": {"t": 1}}, False),
    ],
)
def test_note_says_who_is_skipped(note: Any, is_skipped: bool) -> None:
    assert is_passed_over(note, "t") is is_skipped


@pytest.mark.parametrize("state", ["success", "failed", "skipped"])
def test_only_direct_successors_without_a_state_are_skipped_by_a_task_that_is_over(state: str) -> None:
    rest = [("yes", -1, None), ("no", -1, None), ("below", -1, None), ("both", -1, None), ("cut", -1, None)]
    assert find({("branch", -1): FOLLOWS_YES}, ("branch", -1, state), *rest) == {("no", -1): "branch"}
    assert find({("branch", -1): FOLLOWS_YES}, ("branch", -1, state), ("no", -1, "running")) == {}


@pytest.mark.parametrize("state", [None, "scheduled", "running", "deferred", "up_for_retry", "restarting"])
def test_note_of_a_task_that_is_not_over_does_not_count(state: str | None) -> None:
    assert find({("branch", -1): FOLLOWS_YES}, ("branch", -1, state), ("no", -1, None)) == {}


def test_one_note_of_several_is_enough() -> None:
    notes = {("branch", -1): FOLLOWS_YES, ("cut", -1): {"skipped": ["both"]}}
    ended = [("branch", -1, "success"), ("cut", -1, "success")]
    assert find(notes, *ended, ("both", -1, None)) == {("both", -1): "cut"}


def test_note_with_a_map_index_is_for_that_instance_and_one_without_for_all() -> None:
    branches = [("branch", 0, "success"), ("branch", 1, "success")]
    cleared = [("no", 0, None), ("no", 1, None)]
    notes: dict[Place, Any] = {("branch", 0): {"followed": ["no"]}, ("branch", 1): FOLLOWS_YES}
    assert find(notes, *branches, *cleared) == {("no", 1): "branch"}
    assert find(notes, *branches, ("no", -1, None)) == {}
    assert find({("branch", -1): FOLLOWS_YES}, ("branch", -1, "success"), *cleared) == {
        ("no", 0): "branch",
        ("no", 1): "branch",
    }


def test_notes_are_not_read_when_nothing_waits_or_nothing_is_over() -> None:
    def read() -> dict[Place, Any]:
        raise AssertionError

    fresh = [(task.task_id, -1, None) for task in GRAPH.tasks]
    ended = [(task.task_id, -1, "success") for task in GRAPH.tasks]
    assert find_passed_over(GRAPH, fresh, read) == find_passed_over(GRAPH, ended, read) == {}
    assert find({("gone", -1): FOLLOWS_YES}, ("gone", -1, "success"), ("no", -1, None)) == {}
