"""kill -9 of the embedded store while it writes. AERODROME_STORE_KILLS sets how often (300 for a release)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROUNDS = int(os.environ.get("AERODROME_STORE_KILLS", "12"))


@pytest.mark.timeout(60 + 3 * ROUNDS)
def test_all_that_was_acknowledged_is_there_and_nothing_else_when_the_store_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.processes.store_kills", str(tmp_path / "store"), str(ROUNDS)]
    answer = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert answer.returncode == 0, answer.stdout + answer.stderr
    report = json.loads(answer.stdout)
    assert report["acknowledged"] > ROUNDS * 5, "the kills came before anything was written"
