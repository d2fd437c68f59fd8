"""Other people's clients, as their registries have them, each in a folder of its own that the next run finds again."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sync.installer import VenvError, run_uv
from tests.services import skip_or_fail

SCRIPTS = Path(__file__).parent / "scripts"


def cache() -> Path:
    """Where clients are kept: $AERODROME_TEST_CACHE, or ~/.cache/aerodrome-clients."""
    return Path(os.environ.get("AERODROME_TEST_CACHE") or Path.home() / ".cache" / "aerodrome-clients")


def find_python(name: str, *requirements: str) -> Path:
    """The interpreter of a venv with these requirements and nothing of ours; skips when they cannot be had."""

    def build(folder: Path) -> None:
        wanted = folder.with_suffix(".txt")
        wanted.write_text("\n".join(requirements))
        run_uv(["venv", "--quiet", "--clear", "--python", sys.executable, str(folder)])
        python = str(folder / "bin" / "python")
        run_uv(["pip", "install", "--quiet", "--compile-bytecode", "--python", python, "-r", str(wanted)])

    try:
        return _ensure(name, (sys.version, *requirements), build) / "bin" / "python"
    except VenvError as error:
        skip_or_fail(f"cannot install {', '.join(requirements)}: {error}")
        raise


def find_node_modules(name: str, *packages: str) -> Path:
    """A folder with these npm packages in node_modules; skips when there is no npm or no registry."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        skip_or_fail("node and npm are not installed")

    def build(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        arguments = [
            "npm",
            "install",
            "--silent",
            "--no-audit",
            "--no-fund",
            "--prefix",
            str(folder),
            *packages,
        ]
        subprocess.run(arguments, check=True, capture_output=True, text=True, timeout=240)

    try:
        return _ensure(name, packages, build)
    except (subprocess.SubprocessError, OSError) as error:
        skip_or_fail(f"cannot install {', '.join(packages)}: {error}")
        raise


def run(*argv: str | Path, env: dict[str, str], seconds: float = 60, **more: Any) -> str:
    """What a program wrote to stdout; a failure shows all it wrote."""
    done = subprocess.run(
        list(map(str, argv)), env=env, capture_output=True, text=True, timeout=seconds, check=False, **more
    )
    assert done.returncode == 0, f"{argv}: {done.stdout[-4000:]}\n{done.stderr[-6000:]}"
    return done.stdout


def _ensure(name: str, wanted: tuple[str, ...], build: Callable[[Path], None]) -> Path:
    """The folder of these wishes, built once, whoever asks at the same time."""
    digest = hashlib.sha256("\n".join(wanted).encode()).hexdigest()[:12]
    folder = cache() / f"{name}-{digest}"
    ready = folder.with_suffix(".ready")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _lock(folder.with_suffix(".lock")):
        if not ready.exists():
            shutil.rmtree(folder, ignore_errors=True)
            build(folder)
            ready.touch()
    return folder


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
