"""The harness must not flatter anyone: its gate finds what went wrong, its figures are those of a hand."""

import pytest

from tests.benchmarks import crash, records, shapes

SECOND = 10**9


def lines(*events: tuple[str, str, int, float]) -> list[records.Span]:
    return records.parse(f"{e} {task} {attempt} 7 {int(at * SECOND)}" for e, task, attempt, at in events)


SOUND = (("S", "t0000", 1, 0.0), ("E", "t0000", 1, 1.0), ("S", "t0001", 1, 1.5), ("E", "t0001", 1, 2.0))
LINE = shapes.chain(2).upstream


def test_gate_passes_when_every_task_ran_once_and_in_order() -> None:
    assert records.violations(lines(*SOUND), LINE) == []


@pytest.mark.parametrize(
    ("events", "words"),
    [
        (SOUND[:2], "t0001 ran 0 times"),
        (SOUND[:3], "t0001 (attempt 1) began and did not end"),
        ((*SOUND, ("S", "t0001", 2, 3.0), ("E", "t0001", 2, 4.0)), "t0001 ran 2 times"),
        (
            (*SOUND[:2], ("S", "t0001", 1, 0.5), ("E", "t0001", 1, 2.0)),
            "t0001 started before t0000 had ended",
        ),
        ((*SOUND, ("S", "other", 1, 3.0), ("E", "other", 1, 4.0)), "other is not a task of this shape"),
    ],
)
def test_gate_names_what_went_wrong(events: tuple[tuple[str, str, int, float], ...], words: str) -> None:
    assert words in records.violations(lines(*events), LINE)


def test_figures_are_taken_from_the_bodies_own_clock() -> None:
    figures = records.figures(lines(*SOUND), LINE)
    assert figures["wall_s"] == 2.0
    assert figures["tasks_per_s"] == 1.0
    assert figures["in_bodies_s"] == 1.5
    assert figures["hop_p50_ms"] == 500.0


def test_no_hop_is_told_when_tasks_wait_for_a_slot() -> None:
    shape = shapes.fan(5)
    spans = lines(
        *(event for i, task in enumerate(shape.upstream) for event in (("S", task, 1, i), ("E", task, 1, i)))
    )
    assert "hop_p50_ms" not in records.figures(spans, shape.upstream)


def test_overlap_is_found_when_two_attempts_run_at_once() -> None:
    both = lines(("S", "a", 1, 0.0), ("E", "a", 1, 2.0), ("S", "a", 2, 1.0), ("E", "a", 2, 3.0))
    assert crash.overlaps(both) == ["a: attempt 2 began while another ran"]
    assert crash.overlaps(lines(*SOUND)) == []


def test_source_sets_every_constant_and_refuses_one_that_is_not_there() -> None:
    text = shapes.fan(50).source()
    assert "WIDTH = 48\n" in text and "DAG_ID = 'fan_50'\n" in text
    with pytest.raises(ValueError, match="cannot set NOWHERE"):
        shapes.Shape("x", "fan.py", {}, {"NOWHERE": 1}).source()


def test_diamond_depends_on_two_tasks_of_the_layer_before() -> None:
    upstream = shapes.diamond(10, 100).upstream
    assert len(upstream) == 1000
    assert upstream["l001w09"] == ("l000w09", "l000w00")
    assert upstream["l000w00"] == ()
