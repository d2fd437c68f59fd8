"""Which file zygotes are let go of when nothing is done with them."""

from __future__ import annotations

import pytest

from runner.agent.file_zygote import IDLE_SECONDS, FileZygote, list_stale

NOW = 1_000.0


def make(
    bundle: str = "new", file: str = "f.py", idle: float = IDLE_SECONDS + 1, **more: object
) -> FileZygote:
    zygote = FileZygote("z1", bundle, file, ready=True, used=NOW - idle)
    for name, value in more.items():
        setattr(zygote, name, value)
    return zygote


@pytest.mark.parametrize(
    ("zygote", "leaves"),
    [
        (make(), True),
        (make(idle=1.0), False),
        (make(bundle="old", idle=1.0), True),
        (make(children={"a"}), False),
        (make(waiting=["a"]), False),
        (make(ready=False), False),
        (make(file="waits.py"), False),
        (make(bundle="old", file="waits.py", idle=1.0), True),
        (make(bundle="old", file="also.py", idle=IDLE_SECONDS * 9), False),
    ],
)
def test_zygote_leaves_when_it_has_no_work_and_no_task_of_its_file_waits(
    zygote: FileZygote, leaves: bool
) -> None:
    expected = {("new", "waits.py"), ("old", "also.py")}
    assert list_stale([zygote], "new", expected, NOW) == ([zygote] if leaves else [])
