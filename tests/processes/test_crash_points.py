"""A control plane killed before any of its steps on a cell leaves nothing stuck: the next one ends the story."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.processes.crash_points import STORIES
from tests.processes.test_reconciler import ROOT, SDK, s3_port

__all__ = ["s3_port"]


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("story", "least"), [("create", 5), ("update", 12), ("update in vain", 10), ("pause", 3), ("delete", 3)]
)
def test_no_kill_of_the_control_plane_leaves_anything_stuck(
    story: str, least: int, s3_port: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    env = {**os.environ, "PYTHONPATH": f"{ROOT}:{SDK}"}
    argv = [sys.executable, "-m", "tests.processes.crash_points", str(tmp_path), str(s3_port), story]
    done = subprocess.run(argv, env=env, cwd=ROOT, capture_output=True, text=True, timeout=170)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["faults"] == []
    assert told["points"][story] >= least
    record_property("points", told["points"][story])
    print(told["points"])


def test_every_story_is_told() -> None:
    assert set(STORIES) == {"create", "update", "update in vain", "pause", "delete"}
