"""kill -9 of real processes: a snapshot is old or new and never a mixture; no line of a log is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sync.logs import LogStore, read_log
from sync.objects import open_store
from tests.fakes.s3_server import running_s3

ROOT = Path(__file__).parents[2]
SURROUNDINGS = {**os.environ, "PYTHONPATH": str(ROOT)}

WRITER = """
import json, sys
from pathlib import Path
from sync.logs import LogStore
store = LogStore(Path(sys.argv[1]), json.loads(sys.argv[2]), part_bytes=2000, part_seconds=0.05)
store.start()
for n in range(10**9):
    store.append(f"task=t{n % 7}/attempt=1", b"line %d\\n" % n)
    print(n, flush=True)
"""


def test_a_kill_at_any_change_of_the_disk_leaves_the_old_or_the_new_snapshot(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.processes.kill_points", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=SURROUNDINGS, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["faults"] == {}
    assert outcome["points"] > 40, "the points must cover fetching, building and switching"


@pytest.mark.parametrize("lines", [1, 300, 2000])
def test_a_killed_writer_loses_no_line_and_the_next_one_doubles_none(tmp_path: Path, lines: int) -> None:
    with running_s3() as server:
        server.make_bucket("logs")
        options = server.options("logs", prefix="env")
        command = [sys.executable, "-c", WRITER, str(tmp_path), json.dumps(options)]
        with subprocess.Popen(
            command, cwd=ROOT, env=SURROUNDINGS, stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            for _ in range(lines):
                last = int(writer.stdout.readline())
            os.kill(writer.pid, signal.SIGKILL)
            for line in writer.stdout:
                last = int(line) if line.endswith("\n") else last
        successor = LogStore(tmp_path, options)
        successor.start()
        assert successor.stop(30), successor.lag()
        assert not list(tmp_path.rglob("*.log"))
        store = open_store(**options)
        text = b"".join(read_log(store, tmp_path, f"task=t{n}/attempt=1") for n in range(7) if n <= last)
        found = sorted(int(line.split()[1]) for line in text.splitlines())
        assert found[: last + 1] == list(range(last + 1))
        assert len(found) <= last + 2, "at most the line that was written and not yet printed"
