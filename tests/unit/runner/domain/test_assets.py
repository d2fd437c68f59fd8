"""Conditions over assets, and what is believed of what tasks say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.domain.assets import BadAsset, Waiting, choose_active, is_met, list_uses, read_leaf, read_updates


def asset(name: str, **more: Any) -> dict[str, Any]:
    return {"kind": "asset", "name": name, "uri": f"x://{name}", "group": "asset", "extra": {}, **more}


def waiting(*names: str, inactive: tuple[str, ...] = (), aliases: tuple[str, ...] = ()) -> Waiting:
    keys = frozenset((name, f"x://{name}") for name in names)
    return Waiting(keys, frozenset(key for key in keys if key[0] not in inactive), frozenset(aliases))


@pytest.mark.parametrize(
    ("condition", "names", "met"),
    [
        (asset("a"), "a", True),
        (asset("a"), "b", False),
        ({"all": [asset("a"), asset("b")]}, "a", False),
        ({"all": [asset("a"), asset("b")]}, "ab", True),
        ({"any": [asset("a"), asset("b")]}, "b", True),
        ({"any": [asset("a"), {"all": [asset("b"), asset("c")]}]}, "b", False),
        ({"any": [asset("a"), {"all": [asset("b"), asset("c")]}]}, "bc", True),
        ({"kind": "ref", "name": "a"}, "a", True),
        ({"kind": "ref", "uri": "x://a"}, "a", True),
        ({"kind": "ref", "uri": "x://b"}, "a", False),
        ({"any": []}, "a", False),
    ],
)
def test_condition_is_met_by_what_waits(condition: dict[str, Any], names: str, met: bool) -> None:
    assert is_met(condition, waiting(*names)) is met


def test_alias_is_met_by_an_asset_it_led_to_and_a_reference_by_active_ones_only() -> None:
    assert is_met({"kind": "alias", "name": "al"}, waiting("a", aliases=("al",)))
    assert not is_met({"kind": "alias", "name": "al"}, waiting("a"))
    assert not is_met({"kind": "ref", "name": "a"}, waiting("a", inactive=("a",)))
    assert is_met(asset("a"), waiting("a", inactive=("a",)))


conditions = st.recursive(
    st.sampled_from("abcd").map(asset),
    lambda inner: st.builds(
        lambda kind, parts: {kind: parts}, st.sampled_from(["any", "all"]), st.lists(inner, max_size=3)
    ),
    max_leaves=8,
)


@given(condition=conditions, names=st.sets(st.sampled_from("abcd")), more=st.sampled_from("abcd"))
def test_one_more_event_never_makes_a_condition_false(condition: Any, names: set[str], more: str) -> None:
    assert not is_met(condition, waiting(*names)) or is_met(condition, waiting(*names, more))


def test_uses_are_the_schedule_and_every_inlet_and_outlet() -> None:
    watched = asset("a", watchers=[{"name": "w", "classpath": "m.T", "kwargs": {"b": 1, "a": 2}}])
    data = {
        "timetable": {"kind": "asset", "condition": {"any": [watched, {"kind": "alias", "name": "al"}]}},
        "tasks": [{"task_id": "t", "inlets": [{"kind": "ref", "name": "r"}], "outlets": [asset("b")]}],
    }
    uses = [(use.task_id, use.role, use.leaf.kind, use.leaf.name) for use in list_uses(data)]
    assert uses == [
        ("", "schedule", "asset", "a"),
        ("", "schedule", "alias", "al"),
        ("t", "inlet", "name", "r"),
        ("t", "outlet", "asset", "b"),
    ]
    (watcher,) = list_uses(data)[0].leaf.watchers
    assert (watcher.classpath, watcher.kwargs) == ("m.T", '{"a":2,"b":1}')
    assert watcher.id.startswith("watcher:") and len(watcher.id) == 40


@pytest.mark.parametrize(
    "ref",
    [
        None,
        {},
        {"kind": "asset", "name": "a"},
        {"kind": "ref"},
        {"kind": "ref", "name": "a", "uri": "b"},
        asset("a\x00"),
        asset("a" * 1501),
        asset("é" * 1000),
        asset("a", watchers=[{"name": "w"}]),
    ],
)
def test_what_is_no_asset_is_refused(ref: Any) -> None:
    with pytest.raises(BadAsset, match="cannot use"):
        read_leaf(ref)


def test_updates_that_differ_in_their_alias_only_are_one() -> None:
    said = [
        {"asset": asset("a"), "extra": {"n": 1}, "alias": "x"},
        {"asset": asset("a"), "extra": {"n": 1}, "alias": "y"},
        {"asset": asset("a"), "extra": {"n": 2}, "alias": "x"},
        {"asset": asset("a"), "extra": {"n": 1}, "alias": None},
    ]
    found = [(update.leaf.name, update.extra["n"], update.aliases) for update in read_updates(said)]
    assert found == [("a", 1, ("x", "y")), ("a", 2, ("x",)), ("a", 1, ())]


@pytest.mark.parametrize(
    "said", [None, {}, [1], [{"asset": asset("a")}], [{"asset": asset("a"), "extra": {}, "alias": 3}]]
)
def test_what_is_no_update_is_refused(said: Any) -> None:
    with pytest.raises(BadAsset):
        read_updates(said)


def test_first_of_two_assets_with_one_name_becomes_active() -> None:
    inactive = [(1, ("a", "u1")), (2, ("a", "u2")), (3, ("b", "u1")), (4, ("c", "u4"))]
    assert choose_active(inactive, []) == [1, 4]
    assert choose_active(inactive, [("z", "u4")]) == [1]
