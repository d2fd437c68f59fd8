"""Who builds interpreters: we ourselves, or a command that runs as somebody else, or in a container.

What an owner requires is built by its packages' authors' code. Where cells have users of their own that code gets one
too, and what it built becomes ours afterwards, so that no build can change what another made.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sync.venv import VenvCancelled, VenvError, ensure_base_venv, ensure_environment_venv

Cancelled = Callable[[], bool]
Progress = Callable[[str], None]
Run = Callable[[tuple[str, ...], Mapping[str, str], Cancelled], tuple[int, str]]
"""Runs a command line with our code's interpreter (or the one it begins with); its status and what it printed."""
_CHECK_SECONDS = 120.0
_LOOK_SECONDS = 0.2


class Builder(Protocol):
    """Makes venvs below a directory, unless they are there."""

    def build_base(self, venvs: Path, pinned: Path) -> Path:
        """Raises VenvError."""
        ...

    def build(self, venvs: Path, pinned: Path, wanted: str, progress: Progress, cancelled: Cancelled) -> Path:
        """With an owner's requirements. Raises VenvError, VenvCancelled."""
        ...

    def check(self, python: Path, code: str, env: Mapping[str, str]) -> str | None:
        """Run code with a venv's interpreter; its last words when it fails. Raises VenvError when it cannot be run."""
        ...


class Here:
    """In this process, as ourselves."""

    def build_base(self, venvs: Path, pinned: Path) -> Path:
        return ensure_base_venv(venvs, pinned)

    def build(self, venvs: Path, pinned: Path, wanted: str, progress: Progress, cancelled: Cancelled) -> Path:
        return ensure_environment_venv(venvs, pinned, wanted, progress=progress, cancelled=cancelled)

    def check(self, python: Path, code: str, env: Mapping[str, str]) -> str | None:
        try:
            done = subprocess.run(
                [python, "-P", "-c", code],
                capture_output=True,
                text=True,
                timeout=_CHECK_SECONDS,
                env=dict(env),
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise VenvError(f"cannot run the interpreter with these requirements: {error}") from None
        return None if done.returncode == 0 else _last(done.stderr)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """By `python -m sync.build`, wherever `run` runs it. One build at a time: they share a user."""

    run: Run
    python: str
    """The interpreter that runs our code, there."""
    env: Mapping[str, str]
    base: Builder | None = None
    """Who builds the base, which is trusted; None: the same."""
    settle: Callable[[Path], None] = lambda venvs: None
    """After a build: make what was built ours."""
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def build_base(self, venvs: Path, pinned: Path) -> Path:
        if self.base is not None:
            return self.base.build_base(venvs, pinned)
        return self._build(venvs, (str(pinned),), lambda line: None, lambda: False)

    def build(self, venvs: Path, pinned: Path, wanted: str, progress: Progress, cancelled: Cancelled) -> Path:
        descriptor, name = tempfile.mkstemp(suffix=".requirements", dir=venvs)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(wanted)
            Path(name).chmod(0o644)
            return self._build(venvs, (str(pinned), name), progress, cancelled)
        finally:
            Path(name).unlink()

    def check(self, python: Path, code: str, env: Mapping[str, str]) -> str | None:
        surroundings = {**self.env, "PYTHONPATH": env["PYTHONPATH"]}
        status, said = self.run((str(python), "-P", "-c", code), surroundings, lambda: False)
        return None if status == 0 else _last(said)

    def _build(self, venvs: Path, more: tuple[str, ...], progress: Progress, cancelled: Cancelled) -> Path:
        argv = (self.python, "-m", "sync.build", str(venvs), *more)
        with self._guard:
            try:
                status, said = self.run(argv, self.env, cancelled)
            finally:
                self.settle(venvs)
        words = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        for word in words:
            if "progress" in word:
                progress(word["progress"])
        if status == 0 and words and "python" in words[-1]:
            return Path(words[-1]["python"])
        raise VenvError(words[-1].get("error", said) if words else f"cannot build a venv: {_last(said)}")


def run_as(prefix: tuple[str, ...]) -> Run:
    """Runs commands of this machine behind a prefix that makes them somebody else's, in a home that ends with them."""

    def run(argv: tuple[str, ...], env: Mapping[str, str], cancelled: Cancelled) -> tuple[int, str]:
        with tempfile.TemporaryDirectory(prefix="aerodrome-build-") as home:
            Path(home).chmod(0o1777)
            surroundings = {**env, "HOME": home, "TMPDIR": home, "UV_CACHE_DIR": f"{home}/cache"}
            running = subprocess.Popen(
                [*prefix, *argv],
                env=surroundings,
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            return _wait(running, cancelled)

    return run


def _wait(running: subprocess.Popen[str], cancelled: Cancelled) -> tuple[int, str]:
    while True:
        try:
            said = running.communicate(timeout=_LOOK_SECONDS)[0]
        except subprocess.TimeoutExpired:
            if not cancelled():
                continue
            os.killpg(running.pid, signal.SIGKILL)
            running.communicate()
            raise VenvCancelled from None
        return running.returncode, said


def _last(said: str) -> str:
    return (said.strip().splitlines() or ["it said nothing"])[-1]
