"""Corpora of DAG files: example DAGs out of published wheels, fetched when wanted, or any folder. Never committed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from runner.dag_processor.walking import find_dag_files


@dataclass(frozen=True, slots=True)
class Source:
    """Example DAGs of a distribution. `version`: of the environment that is to run them."""

    name: str
    requirement: str
    version: str
    folders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Corpus:
    """A folder of DAG files for an environment of a version."""

    name: str
    root: Path
    version: str

    @property
    def generation(self) -> int:
        return int(self.version.partition(".")[0])

    def list_files(self) -> list[str]:
        """DAG files, relative to the root, as a cell would choose them."""
        found, _problems = find_dag_files([self.root], None, "glob" if self.generation >= 3 else "regexp")
        return [file for group in found for file in group.files]


KNOWN = (
    Source("1.10.15", "apache-airflow==1.10.15", "1.10.15", ("example_dags", "contrib/example_dags")),
    Source("2.11.0", "apache-airflow==2.11.0", "2.11.0", ("example_dags",)),
    Source("3.3.2", "apache-airflow-core==3.3.2", "3.3.2", ("example_dags",)),
    Source(
        "standard", "apache-airflow-providers-standard==1.21.0", "3.3.2", ("providers/standard/example_dags",)
    ),
)


def fetch(source: Source, cache: Path) -> Corpus:
    """The corpus in the cache; downloaded first when it is not there."""
    root = cache / "corpora" / source.name
    if not root.exists():
        unpacked = cache / "wheels" / source.name
        _install(source.requirement, unpacked)
        fresh = root.with_name(f".new-{source.name}")
        shutil.rmtree(fresh, ignore_errors=True)
        for folder in source.folders:
            _copy(unpacked / "airflow" / folder, fresh / folder.replace("/", "_"))
        fresh.rename(root)
        shutil.rmtree(unpacked)
    return Corpus(source.name, root, source.version)


def _install(requirement: str, target: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    argv: list[str | Path] = [
        uv,
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        target,
        "--python",
        sys.executable,
        requirement,
    ]
    subprocess.run(argv, check=True)


def _copy(folder: Path, target: Path) -> None:
    """The files as they are, but for the name they know their own folder by: they are in a folder of DAGs now."""
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns("__pycache__"))
    for path in target.rglob("*.py"):
        text = path.read_text()
        own = ".".join(("airflow", *folder.parts[folder.parts.index("airflow") + 1 :]))
        if own in text:
            path.write_text(text.replace(own, target.name))
