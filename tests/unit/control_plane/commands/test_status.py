"""`aerodrome status`: what it says of an environment that is not well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from control_plane.commands.inspect import EnvironmentEntry, find_last_words
from control_plane.commands.status import _state
from infra.process import ProcessProvisioner


def entry(**more: Any) -> EnvironmentEntry:
    base: dict[str, Any] = {
        "name": "demo", "status": "AVAILABLE", "ready": True, "reason": "", "created": [],
        "health": {"agents": [], "queue": {}}, "last_words": "", "doing": "", "code": {},
    }  # fmt: skip
    return EnvironmentEntry(**{**base, **more})


@pytest.mark.parametrize(
    ("found", "engine", "about"),
    [
        (entry(), "ready", ""),
        (
            entry(health=None, ready=False, last_words="OperationalError: disk full"),
            "down",
            "the engine's last words: OperationalError: disk full",
        ),
        (
            entry(health={"sync": {"at": 90.0, "message": "cannot list dags/"}, "import_errors": 2}),
            "ready",
            "cannot list dags/; 2 DAG files cannot be imported",
        ),
        (
            entry(status="UPDATING", doing="building", created=[{"step": "x", "at": 58.0}]),
            "ready",
            "building (42 s)",
        ),
        (entry(status="UNAVAILABLE", ready=False, doing="paused: ..."), "starting", "paused: ..."),
        (entry(reason="no such bucket", ready=False), "starting", "no such bucket"),
    ],
)
def test_environment_that_is_not_well_says_why(found: EnvironmentEntry, engine: str, about: str) -> None:
    state = _state(found, 100.0)
    assert (state[2], state[-1]) == (engine, about)


def test_last_words_are_the_last_line_that_says_something(tmp_path: Path) -> None:
    cells = ProcessProvisioner(tmp_path)
    assert find_last_words(cells, "cell") == ""
    (tmp_path / "cell" / "log").mkdir(parents=True)
    said = "x" * 20_000 + "\nTraceback\nRuntimeError: it broke\n\n"
    (tmp_path / "cell" / "log" / "engine.out").write_text(said)
    assert find_last_words(cells, "cell") == "RuntimeError: it broke"
