"""A real `aerodrome up` for tests: started, asked, killed and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[1]
T = TypeVar("T")


def until(look: Callable[[], T], seconds: float, what: str) -> T:
    """The first true answer; fails with `what` when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)
    return found


def environ() -> dict[str, str]:
    """Our own, without what a developer's AWS or Aerodrome settings would change."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "AERODROME_"))}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**kept, "PYTHONPATH": f"{ROOT}:{ROOT / 'runner' / 'sdk'}", "PYTHONUNBUFFERED": "1"}


def aerodrome(*words: str) -> subprocess.CompletedProcess[str]:
    """One command, run to its end."""
    argv = [sys.executable, "-m", "control_plane.main", *words]
    return subprocess.run(argv, env=environ(), cwd=ROOT, capture_output=True, text=True, timeout=90)


class RunningService:
    """`aerodrome up` on free ports in a home of its own. `venvs` is shared, since building one takes long."""

    def __init__(self, home: Path, venvs: Path) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        venvs.mkdir(parents=True, exist_ok=True)
        if not (home / "venvs").exists():
            (home / "venvs").symlink_to(venvs)
        self.output = home / "up.out"
        self.variables: dict[str, str] = {}
        """Of its environment, beside ours."""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def up(self, *options: str) -> None:
        self.begin(*options)
        until(self._is_ready, 30, "the service is ready")

    def begin(self, *options: str) -> None:
        """Start it, and do not wait."""
        ports = ["--port", "0", "--tls-port", "0", "--s3-port", "0"]
        argv = [sys.executable, "-m", "control_plane.main", "up", "--home", str(self.home), *ports, *options]
        with self.output.open("wb") as sink:
            self._process = subprocess.Popen(
                argv, env={**environ(), **self.variables}, cwd=ROOT, stdout=sink, stderr=subprocess.STDOUT
            )

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it and return its exit status."""
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(60)

    def close(self) -> None:
        """Leave nothing running, whatever happened."""
        if self._process is not None and self._process.poll() is None:
            self.stop()
        assert aerodrome("down", "--home", str(self.home)).returncode == 0

    def said(self) -> str:
        return self.output.read_text()

    def env(self) -> dict[str, str]:
        answer = aerodrome("env", "--home", str(self.home), "--format", "json")
        found: dict[str, str] = json.loads(answer.stdout)
        return found

    def status(self) -> dict[str, Any]:
        answer = aerodrome("status", "--home", str(self.home), "--format", "json")
        assert answer.returncode == 0, answer.stderr
        found: dict[str, Any] = json.loads(answer.stdout)
        return found

    def pids(self, role: str) -> set[int]:
        return {entry["pid"] for entry in self.status()["processes"] if entry["role"] == role}

    def endpoints(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.home / "run" / "control-plane.json").read_text())
        return found

    def client(self, name: str) -> Any:
        env = self.env()
        return boto3.client(
            name,
            endpoint_url=env[f"AWS_ENDPOINT_URL_{name.upper()}"],
            region_name=env["AWS_DEFAULT_REGION"],
            aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
            config=Config(inject_host_prefix=False, retries={"total_max_attempts": 1}),
        )

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"`up` ended: {self.said()}"
        return "ready in" in self.said()


def is_alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
