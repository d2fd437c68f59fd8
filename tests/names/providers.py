"""Installs the provider packages side by side, as an environment would, and imports every module of theirs.

    python -m tests.names.providers [--venv DIR] [--only amazon,http] [--goal 97]

Downloads about 1.7 GB at the first run; `--venv` keeps the result for the next. Prints the modules that do not
import, by cause, and the rate; exits 1 below the goal.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from sync.venv import ensure_environment_venv
from tests.names.provider_runs import list_wrong_ends

ROOT = Path(__file__).parents[2]
SDK = ROOT / "runner" / "sdk"
PACKAGES = (
    "amazon", "apache-hive", "apache-kafka", "apache-livy", "apache-spark", "atlassian-jira", "cncf-kubernetes",
    "common-compat", "common-io", "common-messaging", "common-sql", "databricks", "dbt-cloud", "docker", "ftp",
    "git", "google", "http", "imap", "microsoft-azure", "microsoft-mssql", "mongo", "mysql", "openai", "oracle",
    "pagerduty", "postgres", "redis", "sftp", "slack", "smtp", "snowflake", "sqlite", "ssh", "standard",
    "telegram", "trino",
)  # fmt: skip
NO_WHEEL = ("mysqlclient",)
"""Libraries that must be compiled against what a machine may lack; the provider has another for the same."""
IMPORT_SECONDS = 900


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--venv", type=Path, default=Path(tempfile.gettempdir()) / "aerodrome-providers")
    parser.add_argument("--only", default=",".join(PACKAGES))
    parser.add_argument("--goal", type=float, default=97.0)
    given = parser.parse_args()
    python = install(given.venv, given.only.split(","))
    failures = {name: error for name, error in import_modules(python) if error}
    total = sum(1 for _ in list_modules(python))
    for error, count in Counter(failures.values()).most_common():
        first = next(name for name, other in failures.items() if other == error)
        print(f"{count} x {error}   e.g. {first}")
    rate = 100 * (1 - len(failures) / max(1, total))
    print(f"{total - len(failures)} of {total} modules import: {rate:.2f} %")
    wrong = list_wrong_ends(python, SDK)
    print(*(wrong or ["the operators of the http, common-sql, amazon and standard packages run"]), sep="\n")
    sys.exit(rate < given.goal or bool(wrong))


def install(root: Path, packages: list[str]) -> Path:
    """The interpreter of a venv with these provider packages and what every environment has."""
    root.mkdir(parents=True, exist_ok=True)
    wanted, left_out = (
        "".join(f"apache-airflow-providers-{name}\n" for name in packages),
        root / "no-wheel.txt",
    )
    left_out.write_text("\n".join(NO_WHEEL) + "\n")
    index = ("--excludes", str(left_out))
    return ensure_environment_venv(root, SDK / "requirements.lock", wanted, progress=print, index=index)


def import_modules(python: Path) -> Iterator[tuple[str, str | None]]:
    """(module, error) of every module; one process for each folder of `airflow.providers`."""
    surroundings = {**os.environ, "PYTHONPATH": str(SDK)}
    for folder in sorted(path for path in _providers(python).iterdir() if path.is_dir()):
        done = subprocess.run(
            [python, Path(__file__).with_name("import_all.py"), f"airflow/providers/{folder.name}"],
            capture_output=True,
            text=True,
            env=surroundings,
            timeout=IMPORT_SECONDS,
        )
        for line in done.stdout.splitlines():
            if line.startswith('{"module"'):
                answer = json.loads(line)
                yield answer["module"], answer["error"]


def list_modules(python: Path) -> Iterator[Path]:
    """The files that ought to be imported, whether or not a process got to them."""
    for path in _providers(python).rglob("*.py"):
        if "example_dags" not in path.parts and "tests" not in path.parts:
            yield path


def _providers(python: Path) -> Path:
    return next((python.parent.parent / "lib").glob("python3*/site-packages/airflow/providers"))


if __name__ == "__main__":
    main()
