"""Which SIGKILLs the kernel's own counts explain."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.agent.oom import OutOfMemory


@pytest.fixture
def group(tmp_path: Path) -> Path:
    (tmp_path / "memory.max").write_text(f"{512 << 20}\n")
    return write(tmp_path / "memory.events", 3)


def write(path: Path, kills: int) -> Path:
    path.write_text(f"low 0\nhigh 0\nmax 17\noom 9\noom_kill {kills}\noom_group_kill 0\n")
    return path


def test_a_kill_explains_one_death_when_the_count_rises(group: Path) -> None:
    memory = OutOfMemory(group)
    assert memory.explain() is None, "earlier kills explain nothing"
    write(group, 4)
    said = memory.explain()
    assert said == "out of memory: the kernel killed it; its limit is 512 MiB, with all that runs beside it"
    assert memory.explain() is None


def test_a_kill_of_something_else_explains_nothing_when_time_has_passed(group: Path) -> None:
    memory = OutOfMemory(group)
    write(group, 4)
    memory.forget()
    assert memory.explain() is not None, "it may be of a process whose end is not known yet"
    write(group, 5)
    memory.forget()
    memory.forget()
    assert memory.explain() is None


def test_no_limit_is_told_when_the_group_has_none(group: Path) -> None:
    (group.parent / "memory.max").write_text("max\n")
    memory = OutOfMemory(group)
    write(group, 4)
    assert memory.explain() == "out of memory: the kernel killed it"


def test_nothing_is_explained_when_the_system_counts_nothing(tmp_path: Path) -> None:
    assert OutOfMemory(tmp_path / "none").explain() is None
