"""What a real Airflow said, written down: our own DAG files are compared with it where there is no Airflow."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.compat.compare import last_line
from tests.compat.corpora import Corpus
from tests.compat.needs import explain_need, read_overrides
from tests.compat.oracle import Answer, Oracle
from tests.compat.ours import today

HERE = Path(__file__).with_name("dags")
VERSIONS = {"gen1": "1.10.15", "gen2": "2.11.0", "gen3": "3.3.2"}
"""Our folders, and the version of the environment that runs each."""


def list_own() -> list[Corpus]:
    """The committed corpora, one for each generation."""
    return [Corpus(name, HERE / name, version) for name, version in VERSIONS.items()]


class Recorded:
    """Answers as the oracle gave them. Raises LookupError for a question that was never asked."""

    def __init__(self, corpus: Corpus) -> None:
        self._path = _place(corpus)
        found = json.loads(self._path.read_text())
        self.version: str = found["oracle"]
        self._answers: dict[tuple[Any, ...], Answer] = {_key(answer): answer for answer in found["answers"]}

    def ask(self, _root: Path, jobs: Iterable[Answer]) -> list[Answer]:
        return [self._find(job) for job in jobs]

    def _find(self, job: Answer) -> Answer:
        try:
            return self._answers[_key(job)]
        except KeyError:
            name = self._path.name
            raise LookupError(
                f"cannot find {_key(job)} in {name}: run `python -m tests.compat --record`"
            ) from None


def record(corpus: Corpus, oracle: Oracle, timeout: float) -> None:
    """Ask the oracle all that can be asked of a corpus of ours, and make that the committed answers."""
    overrides = read_overrides()
    where = {"root": str(corpus.root), "timeout": timeout}
    parsed = oracle.ask(
        corpus.root, [{"mode": "parse", **where, "file": file} for file in corpus.list_files()]
    )
    runs = [
        {"mode": "run", **where, "date": today(), "file": answer["file"], "dag_id": dag["dag_id"]}
        for answer in parsed
        if explain_need(corpus.root, answer["file"], overrides) is None
        for dag in answer["dags"]
    ]
    answers = [_strip(answer) for answer in parsed + oracle.ask(corpus.root, runs)]
    lines = ",\n".join(
        json.dumps(answer, sort_keys=True) for answer in sorted(answers, key=lambda a: str(_key(a)))
    )
    _place(corpus).write_text(f'{{"oracle": "{oracle.version}", "answers": [\n{lines}\n]}}\n')


def _place(corpus: Corpus) -> Path:
    return HERE / f"{corpus.name}.json"


def _key(answer: Answer) -> tuple[Any, ...]:
    return answer["mode"], answer["file"], answer.get("dag_id")


def _strip(answer: Answer) -> Answer:
    """Without what is another next time."""
    kept = {
        name: value
        for name, value in answer.items()
        if name not in ("root", "seconds", "timeout", "run_id", "date")
    }
    return {**kept, "error": last_line(answer["error"]) if answer.get("error") else None}
