"""Startup scripts: what they export, and how they fail. They are run with a real bash."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sync.installer import VenvCancelled
from sync.startup import Exports, StartupFailed, run_here, run_startup

VARIABLES = {"PATH": "/usr/bin:/bin", "HOME": "/nowhere", "LANG": "C.UTF-8", "KEPT": "as it was"}


def run(
    work: Path, script: str, limit: float = 20.0, cancelled: Callable[[], bool] = lambda: False
) -> Exports:
    def is_protected(name: str) -> bool:
        return name.startswith("MWAA__")

    return run_startup(
        script.encode(), sys.executable, work, VARIABLES, is_protected, run_here, cancelled, limit
    )


def test_what_a_script_exports_is_found_and_what_is_not_its_own_is_ignored(tmp_path: Path) -> None:
    found = run(
        tmp_path,
        """
        echo hello; echo trouble >&2
        cd /
        export PLAIN=1 QUOTED='two words; "x"' LINES=$'a\\nb' PATH=/opt/bin:$PATH MWAA__X=mine
        function shown { true; }; export -f shown
        not_exported=1; export KEPT
        """,
    )
    assert found.variables == {
        "LINES": "a\nb", "PATH": "/opt/bin:/usr/bin:/bin", "PLAIN": "1", "QUOTED": 'two words; "x"',
    }  # fmt: skip
    assert found.ignored == ("MWAA__X",)
    assert found.output == "hello\ntrouble\n"
    assert list(tmp_path.iterdir()) == [], "nothing of it stays"


def test_a_script_sees_nothing_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ours")
    assert "ours" not in run(tmp_path, "env").output


@pytest.mark.parametrize(
    "script", ["export A=1; exit 0", "set -e; export A=1", "export A=1; PATH=/nowhere; true"]
)
def test_a_script_that_ends_itself_has_exported_all_the_same(tmp_path: Path, script: str) -> None:
    assert run(tmp_path, script).variables["A"] == "1"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo one; echo two; exit 3", "it ended with status 3; it said last:\none\ntwo"),
        ("set -e\nfalse\nexport A=1", "it ended with status 1; it said nothing"),
        ("kill -9 $$", "it was ended by SIGKILL; it said nothing"),
        ("echo '", "it ended with status"),
        ("trap - EXIT; exec true", "it left no readable account of its variables"),
        ("ln -s /etc/passwd $AERODROME_EXPORTS; trap - EXIT; exec true", "it left no readable account"),
        ("export LARGE=$(printf '%0300000d' 1 | head -c 100000) B=$LARGE; for n in 1 2 3; do export X$n=$LARGE; done",
         "it exports more than"),
    ],
)  # fmt: skip
def test_a_script_that_fails_says_how_and_what_it_said_last(tmp_path: Path, script: str, words: str) -> None:
    with pytest.raises(StartupFailed) as failure:
        run(tmp_path, script)
    assert str(failure.value).startswith(words)


def test_a_script_that_does_not_end_is_ended_with_all_it_started(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(StartupFailed, match=r"did not end within 0\.3 s"):
        run(
            tmp_path,
            "sleep 60 & echo $! > $HOME_OF_TEST; wait".replace("$HOME_OF_TEST", str(tmp_path / "pid")),
            0.3,
        )
    assert time.monotonic() - began < 6
    pid = int((tmp_path / "pid").read_text())
    stat = Path(f"/proc/{pid}/stat")
    assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_script_is_called_off(tmp_path: Path) -> None:
    with pytest.raises(VenvCancelled):
        run(tmp_path, "sleep 60", cancelled=lambda: True)
