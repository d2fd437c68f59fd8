from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from infra.locks import LockTaken, find_holder, hold, write_facts


def test_find_holder_says_nobody_when_the_file_is_missing_or_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "run" / "engine.lock"
    assert find_holder(path) is None
    hold(path, "engine", "demo").close()
    assert json.loads(path.read_text())["pid"] == os.getpid()
    assert find_holder(path) is None


def test_find_holder_names_pid_and_facts_when_the_lock_is_held(tmp_path: Path) -> None:
    path = tmp_path / "s3.lock"
    with hold(path, "s3") as lock:
        write_facts(lock, pid=os.getpid(), port=9000)
        holder = find_holder(path)
        assert holder is not None and holder.pid == os.getpid() and holder.facts["port"] == 9000


def test_find_holder_says_nobody_when_the_text_names_a_process_that_does_not_have_the_file(
    tmp_path: Path,
) -> None:
    path = tmp_path / "engine.lock"
    with hold(path, "engine") as lock:
        write_facts(lock, pid=1 if os.getpid() != 1 else 2)
        assert find_holder(path) is None


def test_hold_refuses_and_names_the_holder_when_another_has_it(tmp_path: Path) -> None:
    path = tmp_path / "control-plane.lock"
    with hold(path, "control-plane"), pytest.raises(LockTaken, match=f"process {os.getpid()} holds"):
        hold(path, "control-plane")
