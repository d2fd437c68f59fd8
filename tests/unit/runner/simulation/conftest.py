"""Worlds by seed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.unit.runner.simulation.world import World, make_template

MakeWorld = Callable[..., World]


@pytest.fixture(scope="module")
def make_world(tmp_path_factory: pytest.TempPathFactory) -> MakeWorld:
    """`make_world(seed)`: a new cell; `loose`: its database lacks the unique keys of runs."""
    home = tmp_path_factory.mktemp("worlds")
    templates = {False: home / "template", True: home / "loose"}
    for loose, path in templates.items():
        make_template(path, loose)

    def make(seed: int, loose: bool = False) -> World:
        return World(seed, home, templates[loose])

    return make
