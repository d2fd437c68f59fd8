"""Real Apache Airflow of a venv that is there already: asked by `probe.py`, over SQLite in a folder of its own.

Its answers are kept in the cache, by the texts of all files of the corpus and of the probe: it does not change.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

Answer = dict[str, Any]
_PROBE = Path(__file__).with_name("probe.py")


class Oracle:
    """One Airflow; `ask` runs jobs in as many of its processes as there are processors."""

    def __init__(self, venv: Path, work: Path) -> None:
        self._python = venv / "bin" / "python"
        self._work = work
        work.mkdir(parents=True, exist_ok=True)
        self.version = (
            self._say("-c", "import airflow.version as v; print(v.version)").strip().splitlines()[-1]
        )
        self._made = self._make_home()

    @property
    def generation(self) -> int:
        return int(self.version.partition(".")[0])

    def ask(self, root: Path, jobs: Iterable[Answer]) -> list[Answer]:
        """An answer for every job over files below `root`."""
        digest = _digest(root)
        places = [(self._place(digest, job), job) for job in jobs]
        todo = [job for place, job in places if not place.exists()]
        if todo:
            count = min(os.cpu_count() or 1, len(todo))
            shares = [todo[number::count] for number in range(count)]
            with ThreadPoolExecutor(count) as pool:
                for answers in pool.map(lambda share: self._ask(root, *share), enumerate(shares)):
                    for answer in answers:
                        self._keep(digest, answer)
        return [json.loads(place.read_text()) for place, _job in places]

    def _place(self, digest: str, job: Answer) -> Path:
        asked = {name: job.get(name) for name in ("mode", "file", "dag_id", "timeout", "date")}
        name = hashlib.sha256(json.dumps([digest, self.version, asked]).encode()).hexdigest()
        return self._work / "answers" / f"{name}.json"

    def _keep(self, digest: str, answer: Answer) -> None:
        place = self._place(digest, answer)
        place.parent.mkdir(exist_ok=True)
        place.write_text(json.dumps(answer))

    def _ask(self, root: Path, number: int, jobs: list[Answer]) -> list[Answer]:
        """One process, begun again after a job that killed it."""
        sync = (
            [{"mode": "sync", "root": str(root), "file": "", "timeout": 600.0}]
            if jobs[0]["mode"] == "run"
            else []
        )
        home = self._work / f"home-{number}"
        answers: list[Answer] = []
        while len(answers) < len(jobs):
            shutil.rmtree(home, ignore_errors=True)
            shutil.copytree(self._made, home)
            left = jobs[len(answers) :]
            before = len(answers)
            answers += self._talk(home, sync + left)[len(sync) :]
            if len(answers) == before:
                answers.append(
                    {**left[0], "error": "the process that answers for Airflow died", "seconds": 0.0}
                )
        return answers

    def _talk(self, home: Path, jobs: list[Answer]) -> list[Answer]:
        argv = [str(self._python), str(_PROBE)]
        lines = "".join(json.dumps(job) + "\n" for job in jobs)
        done = subprocess.run(
            argv, env=self._surroundings(home), input=lines, stdout=subprocess.PIPE, text=True
        )
        ready, *found = done.stdout.splitlines() or [""]
        if ready != "ready":
            words = (home / "probe.log").read_text()[-2000:]
            raise RuntimeError(f"cannot ask the Airflow in {self._python.parents[1]}: {words}")
        return [json.loads(line) for line in found]

    def _make_home(self) -> Path:
        """A migrated database, made once and copied for every process."""
        home = self._work / f"made-{self.version}"
        if not (home / "ready").exists():
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir(parents=True)
            self._say("-m", "airflow", "db", "migrate", home=home)
            (home / "ready").touch()
        return home

    def _say(self, *words: str, home: Path | None = None) -> str:
        argv = [str(self._python), *words]
        env = self._surroundings(home or self._work / "nowhere")
        return subprocess.run(argv, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout

    def _surroundings(self, home: Path) -> dict[str, str]:
        kept = {
            key: value for key, value in os.environ.items() if key in ("PATH", "LANG", "HOME", "TMPDIR", "TZ")
        }
        return {
            **kept,
            "PYTHONPYCACHEPREFIX": str(self._work / "pycache"),  # nothing is written into a corpus
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
            "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "60",
            "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "AIRFLOW__LINEAGE__BACKEND": "",
            "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
        }


def _digest(root: Path) -> str:
    """All files below, and the probe."""
    found = hashlib.sha256(_PROBE.read_bytes())
    for path in sorted(root.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            found.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()
