"""What a zygote's children touch lies together, and is what it was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from airflow._task import gathering

_FILL = """
import json, sys
from airflow._task import gathering
scattered = [bytes(79) for _ in range(1_000)]
del scattered[::2]  # many pools with free places in each
taken = gathering.fill_gaps()
made = [bytes(79) for _ in range(100)]
print(json.dumps([len({id(one) // 16384 for one in made}), sum(map(sys.getsizeof, taken))]))
"""
_REHEARSE = """
import json, logging, os, sys
import warnings
from airflow._task import child, fork, logs
fork.open_output()
os.environ["AERODROME_AIRFLOW_VERSION"] = "3.0.6"
rehearsal = child.import_runtime("demo")
def look():
    files = sorted(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else []
    logging_now = [repr(logging.root.handlers), logging.root.level, warnings.showwarning is shown]
    return [files, os.getcwd(), dict(os.environ), os.fstat(1).st_ino, *logging_now]
shown = warnings.showwarning
fresh = look()
rehearsal._run_all(1)
settled = look()
logs.configure()
kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
shown = warnings.showwarning
before = look()
os.dup2(nowhere, 1)
rehearsal.run()
os.dup2(kept, 1)
print(json.dumps([[fresh, before], [settled, look()]]))
"""


def outer(number: int) -> list[int]:
    """A function with functions inside, as byte code has them."""

    def inner(offset: int) -> int:
        return offset + number

    return [inner(offset) for offset in range(3)]


def generate() -> list[int]:
    return list(part * 2 for part in outer(4))  # noqa: C400 - a generator's code is wanted


def test_gathered_functions_do_what_they_did_from_code_of_their_own() -> None:
    before = outer.__code__, generate.__code__
    former = gathering.gather_code(lambda: generate() and None)
    assert generate() == [8, 10, 12]
    assert outer.__code__ == before[0]
    assert outer.__code__ is not before[0] and generate.__code__ is not before[1]
    assert all(any(code is kept for kept in former) for code in before)
    inside = [part for part in outer.__code__.co_consts if hasattr(part, "co_code")]
    assert inside and all(part not in [id(code) for code in former] for part in inside)
    assert generate.__code__.co_firstlineno == before[1].co_firstlineno


def test_what_is_made_after_the_gaps_are_filled_lies_together() -> None:
    pools, taken = json.loads(run_apart(_FILL))
    assert pools <= 2
    assert 0 < taken < 32 * 65_536


def test_process_that_has_rehearsed_is_as_it_was() -> None:
    before, after = json.loads(run_apart(_REHEARSE))
    assert before == after
    assert before[0][-3:] != before[1][-3:]


def run_apart(program: str) -> str:
    """What a program prints in an interpreter of its own."""
    root = Path(__file__).resolve().parents[3]
    paths = {"PYTHONPATH": os.pathsep.join([str(root), str(root / "runner" / "sdk")])}
    command = [sys.executable, "-c", program]
    return subprocess.run(
        command, env={**os.environ, **paths}, capture_output=True, text=True, check=True
    ).stdout
