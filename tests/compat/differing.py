"""One corpus on both sides: parse, compare, run what needs nobody, compare again."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.compat import ours
from tests.compat.compare import Difference, compare_files, compare_runs, last_line, same_states
from tests.compat.corpora import Corpus
from tests.compat.facts import FileFacts, RunFacts, read_ours, read_run, read_theirs
from tests.compat.needs import explain_need, read_overrides
from tests.compat.oracle import Answer
from tests.compat.report import Result
from tests.running import RunningService


class Oracle(Protocol):
    """A real Airflow, or what one said."""

    version: str

    def ask(self, root: Path, jobs: Iterable[Answer]) -> list[Answer]: ...


@dataclass(frozen=True, slots=True)
class Sides:
    """Whom to ask. Without an oracle only our parsing is looked at, without a service nothing runs."""

    oracle: Oracle | None
    service: RunningService | None
    timeout: float
    python: Path
    """Our environment's interpreter."""


def examine(corpus: Corpus, sides: Sides, only: str = "") -> Result:
    """The result of one corpus."""
    files = [file for file in corpus.list_files() if only in file]
    result = Result(corpus.name, corpus.version, sides.oracle.version if sides.oracle else None, len(files))
    mine = {answer["file"]: read_ours(answer) for answer in ours.parse(corpus, files, sides.python)}
    result.parsed_by_us = sum(facts.error is None for facts in mine.values())
    if sides.oracle is None:
        result.differences += [
            Difference(file, "parse", f"we cannot import: {last_line(facts.error)}", facts.error)
            for file, facts in mine.items()
            if facts.error is not None
        ]
        return result
    theirs = _ask_parse(corpus, files, sides.oracle)
    _compare_parsing(result, mine, theirs)
    if sides.service is not None:
        _compare_running(result, corpus, sides, mine, theirs)
    return result


def _ask_parse(corpus: Corpus, files: list[str], oracle: Oracle) -> dict[str, FileFacts]:
    jobs: list[Answer] = [
        {"mode": "parse", "root": str(corpus.root), "file": file, "timeout": 90.0} for file in files
    ]
    return {answer["file"]: read_theirs(answer) for answer in oracle.ask(corpus.root, jobs)}


def _compare_parsing(result: Result, mine: dict[str, FileFacts], theirs: dict[str, FileFacts]) -> None:
    result.parsed_by_them = sum(facts.error is None for facts in theirs.values())
    both = [file for file in mine if mine[file].error is None and theirs[file].error is None]
    found = {file: list(compare_files(mine[file], theirs[file])) for file in mine}
    result.parsed_by_both = len(both)
    result.same_when_parsed = sum(not found[file] for file in both)
    result.differences += [item for items in found.values() for item in items]


def _compare_running(
    result: Result, corpus: Corpus, sides: Sides, mine: dict[str, FileFacts], theirs: dict[str, FileFacts]
) -> None:
    assert sides.oracle is not None and sides.service is not None
    jobs = _choose_runs(result, corpus, mine, theirs)
    engine = ours.Engine(sides.service, _environment_name(corpus), sides.timeout)
    there = engine.prepare(corpus, {dag_id for _file, dag_id in jobs})
    jobs = [job for job in jobs if job[1] in there]
    our_runs = {facts.dag_id: facts for facts in map(read_run, engine.run_all(jobs))}
    engine.customer.delete()
    where = {"mode": "run", "root": str(corpus.root), "date": ours.today()}
    asked: list[Answer] = [
        {**where, "file": file, "dag_id": dag_id, "timeout": sides.timeout * 2} for file, dag_id in jobs
    ]
    their_runs = {facts.dag_id: facts for facts in map(read_run, sides.oracle.ask(corpus.root, asked))}
    for dag_id in our_runs:
        _count_run(result, our_runs[dag_id], their_runs[dag_id])


def _choose_runs(
    result: Result, corpus: Corpus, mine: dict[str, FileFacts], theirs: dict[str, FileFacts]
) -> list[tuple[str, str]]:
    """(file, DAG id) of what can be run on both sides; a DAG id that two files have only once."""
    jobs: dict[str, str] = {}
    overrides = read_overrides()
    for file in sorted(mine):
        need = explain_need(corpus.root, file, overrides)
        if need is not None or mine[file].error is not None or theirs[file].error is not None:
            result.not_run[file] = need or "it is not parsed on both sides"
            continue
        for dag_id in sorted(mine[file].dags.keys() & theirs[file].dags.keys()):
            jobs.setdefault(dag_id, file)
    return [(file, dag_id) for dag_id, file in jobs.items()]


def _count_run(result: Result, mine: RunFacts, theirs: RunFacts) -> None:
    if (not mine.over and not theirs.over) or theirs.state is None:
        result.incomparable.append(mine.dag_id)
        return
    found = list(compare_runs(mine, theirs))
    result.runs += 1
    result.runs_with_same_states += same_states(found)
    result.runs_identical += not found
    result.differences += found


def _environment_name(corpus: Corpus) -> str:
    return "c-" + re.sub(r"[^a-z0-9]+", "-", corpus.name.lower()).strip("-")[:60]
