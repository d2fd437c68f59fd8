"""Venvs of environments: an interpreter, what DAG files may always import, and what one environment wants besides.

    root/<digest of requirements and interpreter>/    complete, or not there

A build happens in a directory beside it and is renamed; a lock lets one of several builders work while the
others wait.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sync.requirements import SERVED, Plan, plan_requirements

_TEMPORARY = ".new-"
_BUILD_SECONDS = 20 * 60.0
_PROBE = "import sys; print(sys.version, sys.base_prefix, sys.implementation.cache_tag)"


class VenvError(Exception):
    """A venv could not be built; the text ends with the installer's own words."""


def ensure_base_venv(
    root: Path,
    requirements: Path,
    python: str | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> Path:
    """The interpreter of a venv with exactly `requirements` (pinned, hashed); built when missing.

    `python`: the interpreter to build from, by default our own. `progress` gets a line per step. Packages
    come from the local cache when it has them all, else from the network. Raises VenvError.
    """
    base = python or sys.executable
    try:
        wanted = requirements.read_bytes()
    except OSError as error:
        raise VenvError(f"cannot read the requirements {requirements}: {error.strerror}") from None
    final = root / _digest(wanted, _describe(base))
    if not final.is_dir():
        root.mkdir(parents=True, exist_ok=True)
        with _locked(root / f"{final.name}.lock"):
            if not final.is_dir():
                _clean(root, final.name)
                _build(root, final, requirements, base, progress)
    return final / "bin" / "python"


def ensure_environment_venv(
    root: Path,
    requirements: Path,
    wanted: Path,
    python: str | None = None,
    progress: Callable[[str], None] = lambda line: None,
    index: tuple[str, ...] = (),
) -> Path:
    """The interpreter of a venv with `requirements` (pinned, hashed) and then a user's `wanted`; built when missing.

    Apache Airflow itself is left out wherever a package requires it, since `airflow` is the service's own; `progress`
    is told what that did to the user's file. `index`: more arguments for uv, such as another index. Raises VenvError.
    """
    base = python or sys.executable
    try:
        pinned, text = requirements.read_bytes(), wanted.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise VenvError(f"cannot read the requirements: {error}") from None
    plan = plan_requirements(text)
    own = "\n".join((*plan.lines, *index)).encode()
    final = root / _digest(pinned + b"\0" + own, _describe(base))
    if not final.is_dir():
        root.mkdir(parents=True, exist_ok=True)
        with _locked(root / f"{final.name}.lock"):
            if not final.is_dir():
                for note in plan.notes:
                    progress(f"{wanted.name}: {note}")
                _clean(root, final.name)
                _build(root, final, requirements, base, progress, (plan, index))
    return final / "bin" / "python"


def _install_wanted(
    interpreter: str, staging: Path, plan: Plan, index: tuple[str, ...], progress: Callable[[str], None]
) -> None:
    """What the user's file asks for. Relative paths in it are as seen from the venv, which has none of the user's."""
    wanted, left_out = staging / "requirements.txt", staging / "left-out.txt"
    wanted.write_text("\n".join(plan.lines) + "\n", encoding="utf-8")
    left_out.write_text("\n".join(SERVED) + "\n", encoding="utf-8")
    progress("installing the environment's requirements")
    options = ["--python", interpreter, "--compile-bytecode", "--excludes", str(left_out)]
    _uv(["pip", "install", *options, *index, "-r", str(wanted)])


def _build(
    root: Path,
    final: Path,
    requirements: Path,
    base: str,
    progress: Callable[[str], None],
    more: tuple[Plan, tuple[str, ...]] | None = None,
) -> None:
    staging = Path(tempfile.mkdtemp(prefix=f"{_TEMPORARY}{final.name}-", dir=root))
    try:
        progress(f"making a venv with {base}")
        _uv(["venv", "--relocatable", "--allow-existing", "--python", base, str(staging)])
        interpreter = str(staging / "bin" / "python")
        install = ["pip", "install", "--python", interpreter, "--compile-bytecode", "--require-hashes"]
        try:
            progress(f"installing {requirements.name} from the local cache")
            _uv([*install, "--offline", "-r", str(requirements)])
        except VenvError:
            progress(f"installing {requirements.name} from the network")
            _uv([*install, "-r", str(requirements)])
        if more is not None:
            _install_wanted(interpreter, staging, *more, progress)
        staging.rename(final)
        progress("the venv is ready")
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _uv(arguments: list[str]) -> None:
    """Run uv. Raises VenvError with what it wrote."""
    import uv  # only builders need it

    command = [uv.find_uv_bin(), "--quiet", "--color", "never", *arguments]
    surroundings = {
        k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")
    }
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_BUILD_SECONDS, env=surroundings
        )
    except subprocess.TimeoutExpired:
        raise VenvError(
            f"cannot finish `uv {arguments[0]}` within {_BUILD_SECONDS / 60:.0f} minutes"
        ) from None
    except OSError as error:
        raise VenvError(f"cannot run uv: {error}") from None
    if done.returncode != 0:
        what = "make the venv" if arguments[0] == "venv" else "install the requirements"
        raise VenvError(f"cannot {what}; uv says:\n{(done.stderr or done.stdout).strip()}")


def _describe(python: str) -> str:
    try:
        done = subprocess.run([python, "-I", "-c", _PROBE], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise VenvError(f"cannot run the interpreter {python}: {error}") from None
    if done.returncode != 0:
        raise VenvError(f"cannot use the interpreter {python}; it says:\n{done.stderr.strip()}")
    return done.stdout


def _digest(requirements: bytes, interpreter: str) -> str:
    return hashlib.sha256(requirements + b"\0" + interpreter.encode()).hexdigest()[:32]


def _clean(root: Path, name: str) -> None:
    """Remove what a killed builder of this venv left. The lock is ours."""
    for left in root.glob(f"{_TEMPORARY}{name}-*"):
        shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
