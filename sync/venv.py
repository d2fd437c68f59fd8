"""Venvs of environments: an interpreter, what DAG files may always import, and what one environment wants besides.

    root/<digest of requirements and interpreter>/            complete, or not there
    root/<digest of that one and an owner's requirements>/    its packages are hard links to those of the first

A build happens in a directory beside it and is renamed; a lock lets one of several builders work while the
others wait.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from sync.folders import TEMPORARY, locked, mark_used
from sync.installer import VenvCancelled, VenvError, run_uv
from sync.requirements import SERVED, Plan, plan_requirements

__all__ = ["VenvCancelled", "VenvError", "ensure_base_venv", "ensure_environment_venv"]

_PROBE = "import sys; print(sys.version, sys.base_prefix, sys.implementation.cache_tag)"


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
    final = root / _digest(wanted, _describe(base).encode())
    _ensure(root, final, lambda staging: _build_base(staging, requirements, base, progress))
    return final / "bin" / "python"


def ensure_environment_venv(
    root: Path,
    requirements: Path,
    wanted: str,
    python: str | None = None,
    progress: Callable[[str], None] = lambda line: None,
    index: tuple[str, ...] = (),
    cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """The interpreter of a venv with `requirements` (pinned, hashed) and then an owner's `wanted`; built when missing.

    `wanted` is the text of a requirements.txt. Apache Airflow itself is left out wherever a package requires it, since
    `airflow` is the service's own; `progress` is told what that did to the text. For one that asks for nothing it is
    the base venv. `index`: more arguments for uv, such as another index. Raises VenvError, or VenvCancelled as soon as
    `cancelled` says so.
    """
    plan = plan_requirements(wanted)
    for note in plan.notes:
        progress(f"requirements.txt: {note}")
    base = ensure_base_venv(root, requirements, python, progress).parent.parent
    if not plan.lines:
        return base / "bin" / "python"
    final = root / _digest(base.name.encode(), "\n".join((*plan.lines, *plan.options, *index)).encode())

    def build(staging: Path) -> None:
        _copy_base(base, staging)
        progress("installing the environment's requirements")
        progress(_install_wanted(staging, plan, index, cancelled))
        _drop_stale_byte_code(base, staging)
        progress("the environment's interpreter is ready")

    _ensure(root, final, build)
    return final / "bin" / "python"


def _copy_base(base: Path, staging: Path) -> None:
    """Packages are linked: uv and Python replace files, they never write into one. What may be edited is copied."""
    shutil.copytree(
        base, staging, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns("lib", "lib64")
    )
    shutil.copytree(base / "lib", staging / "lib", symlinks=True, copy_function=_link_or_copy)
    if (base / "lib64").is_symlink():
        (staging / "lib64").symlink_to("lib")


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except PermissionError:  # the base is somebody else's
        shutil.copy2(source, target)


def _drop_stale_byte_code(base: Path, staging: Path) -> None:
    """Byte code of a source that was replaced. Python takes it for the new one's when second and size are the same."""
    for cached in (base / "lib").rglob("__pycache__/*.pyc"):
        source = cached.parent.parent / f"{cached.name.partition('.')[0]}.py"
        ours = staging / cached.relative_to(base)
        if _is_same(ours, cached) and not _is_same(staging / source.relative_to(base), source):
            ours.unlink()


def _is_same(one: Path, other: Path) -> bool:
    return one.is_file() and other.is_file() and one.samefile(other)


def _install_wanted(staging: Path, plan: Plan, index: tuple[str, ...], cancelled: Callable[[], bool]) -> str:
    wanted, left_out = staging / "requirements.txt", staging / "left-out.txt"
    wanted.write_text("\n".join(plan.lines) + "\n", encoding="utf-8")
    left_out.write_text("\n".join(SERVED) + "\n", encoding="utf-8")
    options = ["--python", str(staging / "bin" / "python"), "--compile-bytecode", "--excludes", str(left_out)]
    try:
        return _run(options, plan, index, wanted, cancelled)
    finally:
        wanted.unlink()  # it may hold passwords of indexes, and tasks can read this folder


def _run(
    options: list[str], plan: Plan, index: tuple[str, ...], wanted: Path, cancelled: Callable[[], bool]
) -> str:
    return run_uv(["pip", "install", *options, *plan.options, *index, "-r", str(wanted)], cancelled)


def _build_base(staging: Path, requirements: Path, base: str, progress: Callable[[str], None]) -> None:
    progress(f"making a venv with {base}")
    run_uv(["venv", "--relocatable", "--allow-existing", "--python", base, str(staging)])
    interpreter = str(staging / "bin" / "python")
    # The lock is whole and names no Apache Airflow, which its provider packages ask for: ours takes that place.
    install = [
        "pip",
        "install",
        "--python",
        interpreter,
        "--compile-bytecode",
        "--require-hashes",
        "--no-deps",
    ]
    try:
        progress(f"installing {requirements.name} from the local cache")
        run_uv([*install, "--offline", "-r", str(requirements)])
    except VenvError:
        progress(f"installing {requirements.name} from the network")
        run_uv([*install, "-r", str(requirements)])
    progress("the venv is ready")


def _ensure(root: Path, final: Path, build: Callable[[Path], None]) -> None:
    """Let `build` fill a directory that becomes `final`, unless it is there; one builder at a time."""
    root.mkdir(parents=True, exist_ok=True)
    with locked(root / f"{final.name}.lock"):
        if not final.is_dir():
            _make(root, final, build)
        mark_used(final)


def _make(root: Path, final: Path, build: Callable[[Path], None]) -> None:
    _clean(root, final.name)
    staging = Path(tempfile.mkdtemp(prefix=f"{TEMPORARY}{final.name}-", dir=root))
    try:
        build(staging)
        staging.chmod(0o755)  # whose tasks may use it, the directories above decide
        staging.rename(final)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _describe(python: str) -> str:
    try:
        done = subprocess.run([python, "-I", "-c", _PROBE], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise VenvError(f"cannot run the interpreter {python}: {error}") from None
    if done.returncode != 0:
        raise VenvError(f"cannot use the interpreter {python}; it says:\n{done.stderr.strip()}")
    return done.stdout


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:32]


def _clean(root: Path, name: str) -> None:
    """Remove what a killed builder of this venv left. The lock is ours."""
    for left in root.glob(f"{TEMPORARY}{name}-*"):
        shutil.rmtree(left, ignore_errors=True)
