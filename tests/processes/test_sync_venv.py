"""Building venvs with the real uv, from a wheel made here: no network, no cache needed."""

from __future__ import annotations

import hashlib
import subprocess
import threading
from pathlib import Path

import pytest

from sync.venv import VenvCancelled, VenvError, ensure_base_venv, ensure_environment_venv
from tests.wheels import make_wheel


def make_requirements(folder: Path, version: str = "1.0") -> Path:
    """A requirements file for a one-module package, pinned by hash."""
    wheel = make_wheel(folder, "toy", version, {"toy.py": f"VERSION = {version!r}\n"})
    requirements = folder / f"requirements-{version}.lock"
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    requirements.write_text(f"toy @ {wheel.as_uri()} --hash=sha256:{digest}\n")
    return requirements


def ask(python: Path, code: str) -> str:
    return subprocess.run(
        [python, "-I", "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_a_venv_is_built_once_and_works_where_it_came_to_lie(tmp_path: Path) -> None:
    requirements = make_requirements(tmp_path / "wheels")
    steps: list[str] = []
    python = ensure_base_venv(tmp_path / "venvs", requirements, progress=steps.append)
    assert ask(python, "import toy, sys; print(toy.VERSION, sys.prefix)") == f"1.0 {python.parent.parent}"
    assert list(python.parent.parent.rglob("toy.*.pyc")), "byte code must be compiled ahead"
    assert len(steps) >= 3
    assert ensure_base_venv(tmp_path / "venvs", requirements, progress=steps.append) == python
    assert len(steps) <= 4, "nothing was to be done"
    other = ensure_base_venv(tmp_path / "venvs", make_requirements(tmp_path / "wheels", "2.0"))
    assert other != python
    assert ask(other, "import toy; print(toy.VERSION)") == "2.0"
    assert ask(python, "import toy; print(toy.VERSION)") == "1.0"


def test_a_failed_build_says_what_uv_said_and_leaves_nothing(tmp_path: Path) -> None:
    requirements = make_requirements(tmp_path / "wheels")
    requirements.write_text(requirements.read_text()[:-17] + "0" * 16 + "\n")
    with pytest.raises(VenvError, match=r"(?s)cannot install the requirements; uv says:\n.*[Hh]ash mismatch"):
        ensure_base_venv(tmp_path / "venvs", requirements)
    assert not [path for path in (tmp_path / "venvs").iterdir() if path.is_dir()]


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(VenvError, match=r"cannot read the requirements .*nothing\.lock"):
        ensure_base_venv(tmp_path, tmp_path / "nothing.lock")
    with pytest.raises(VenvError, match=r"cannot run the interpreter /no/python"):
        ensure_base_venv(tmp_path, make_requirements(tmp_path), python="/no/python")


def test_builders_at_once_build_once_after_a_killed_one(tmp_path: Path) -> None:
    requirements, venvs = make_requirements(tmp_path / "wheels"), tmp_path / "venvs"
    name = ensure_base_venv(venvs, requirements).parent.parent.name
    (venvs / name).rename(venvs / f".new-{name}-killed")  # what a builder killed before its rename leaves
    steps: list[str] = []
    found: list[Path] = []

    def build() -> None:
        found.append(ensure_base_venv(venvs, requirements, progress=steps.append))

    threads = [threading.Thread(target=build) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [venvs / name / "bin" / "python"] * 3
    assert steps.count("the venv is ready") == 1
    assert [path.name for path in venvs.iterdir() if path.is_dir()] == [name]


def test_a_users_requirements_are_installed_without_airflow_itself(tmp_path: Path) -> None:
    """A provider package that requires apache-airflow installs, and no apache-airflow comes with it."""
    wheels = tmp_path / "wheels"
    pinned = make_requirements(wheels)
    provider = {"airflow/providers/toy/__init__.py": "FOUND = 1\n"}
    make_wheel(wheels, "apache-airflow-providers-toy", "3.0", provider, ("apache-airflow>=2.11", "toy"))
    wanted = "apache-airflow==2.10.3\napache-airflow-providers-toy\n"
    steps: list[str] = []
    offline = ("--no-index", "--find-links", str(wheels))
    venvs = tmp_path / "venvs"
    python = ensure_environment_venv(venvs, pinned, wanted, progress=steps.append, index=offline)
    listed = "import importlib.metadata as m; print(sorted(d.name for d in m.distributions()))"
    assert ask(python, listed) == "['apache-airflow-providers-toy', 'toy']"
    assert "requirements.txt: line 1: apache-airflow==2.10.3 is what the service offers itself" in "".join(
        steps
    )
    sdk = Path(__file__).parents[2] / "runner" / "sdk"
    code = f"import sys; sys.path.insert(0, {str(sdk)!r}); import airflow.providers.toy as p; print(p.FOUND)"
    assert ask(python, code) == "1"
    assert ensure_environment_venv(venvs, pinned, wanted, index=offline) == python
    with pytest.raises(VenvError, match=r"(?s)uv says:\n.*providers-nowhere"):
        ensure_environment_venv(venvs, pinned, "apache-airflow-providers-nowhere", index=offline)
    assert ask(python, "import toy; print(toy.VERSION)") == "1.0", "the last good venv is untouched"


def test_a_venv_of_requirements_shares_the_files_of_the_base_and_leaves_it_as_it_is(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    pinned = make_requirements(wheels)
    base = ensure_base_venv(tmp_path / "venvs", pinned)
    make_wheel(wheels, "toy", "2.0", {"toy.py": "VERSION = '2.0'\n"})
    make_wheel(wheels, "more", "1.0", {"more.py": ""}, ("toy>=2",))
    offline = ("--no-index", "--find-links", str(wheels))
    own = ensure_environment_venv(tmp_path / "venvs", pinned, "more  # and what it needs", index=offline)
    assert (ask(own, "import toy; print(toy.VERSION)"), ask(base, "import toy; print(toy.VERSION)")) == (
        "2.0",
        "1.0",
    )
    assert ask(own, "import sys; print(sys.prefix)") == str(own.parent.parent)
    other = ensure_environment_venv(tmp_path / "venvs", pinned, "more\n# anew", index=(*offline, "--quiet"))
    linked = [python.parent.parent / "lib" for python in (own, other)]
    inodes = [next(each.rglob("more.py")).stat().st_ino for each in linked]
    assert inodes[0] == inodes[1], "one copy on disk"
    assert ensure_environment_venv(tmp_path / "venvs", pinned, "\n# nothing\n") == base


def test_a_build_that_is_called_off_leaves_nothing(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    pinned = make_requirements(wheels)
    venvs, began = tmp_path / "venvs", tmp_path / "began"
    slow = f"import pathlib, signal; pathlib.Path({str(began)!r}).touch(); signal.pause()\n"
    (tmp_path / "slow").mkdir()
    (tmp_path / "slow" / "pyproject.toml").write_text(
        "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
    )
    (tmp_path / "slow" / "backend.py").write_text(slow)
    wanted = f"slow @ {(tmp_path / 'slow').as_uri()}\n"
    with pytest.raises(VenvCancelled):
        ensure_environment_venv(venvs, pinned, wanted, cancelled=began.exists)
    assert [path for path in venvs.iterdir() if path.is_dir()] == [
        ensure_base_venv(venvs, pinned).parent.parent
    ]
