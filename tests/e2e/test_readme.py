"""The quickstart of the README, line by line as a reader would paste it, with the real aws command."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import ROOT, RunningService, environ

pytestmark = pytest.mark.timeout(300)


def test_the_quickstart_works_when_pasted_into_a_shell(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    _start, script, *_ = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    service = RunningService(tmp_path / ".aerodrome", tmp_path_factory.getbasetemp().parent / "venvs")
    try:
        service.up()
        shell = subprocess.run(
            ["bash", "-euxo", "pipefail", "-c", script],
            cwd=ROOT,
            env={**environ(), "HOME": str(tmp_path), "PATH": f"{_commands(tmp_path)}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=240,
        )
    finally:
        service.close()
    assert shell.returncode == 0, shell.stderr[-3000:]
    assert "taskflow_xcom" in shell.stdout
    assert '"state": "queued"' in shell.stdout


def _commands(folder: Path) -> Path:
    """A folder with `aerodrome`, should this interpreter have none, and with its own `aws`."""
    folder = folder / "bin"
    folder.mkdir()
    command = folder / "aerodrome"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m control_plane.main "$@"\n')
    command.chmod(0o755)
    (folder / "aws").symlink_to(Path(sys.executable).parent / "aws")
    return folder
