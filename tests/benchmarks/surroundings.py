"""What surrounds a run: virtual environments for the peers, clean variables, a clean end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import uv


def clean_environment() -> dict[str, str]:
    """Our environment variables without what would slow a peer down or lead it to our packages."""
    unwanted = {"PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
    return {name: value for name, value in os.environ.items() if name not in unwanted}


def end_cleanly_on_sigterm() -> None:
    """Leave by way of every `finally`: what a benchmark started must not outlive it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def make_venv(path: Path, packages: Sequence[str]) -> Path:
    """A venv with these packages, on the interpreter that runs the harness; made once per list."""
    done, wanted = path / ".packages", "\n".join(packages)
    if done.exists() and done.read_text() == wanted:
        return path
    print(f"installing {', '.join(packages)} into {path}", file=sys.stderr)
    tool, environment = uv.find_uv_bin(), clean_environment()
    base = Path(sys.executable).resolve()
    subprocess.run(
        [tool, "venv", "-q", "--clear", "--python", str(base), str(path)], check=True, env=environment
    )
    install = [tool, "pip", "install", "-q", "--compile-bytecode", "--python", str(path / "bin" / "python")]
    subprocess.run([*install, *packages], check=True, env=environment)
    done.write_text(wanted)
    return path
