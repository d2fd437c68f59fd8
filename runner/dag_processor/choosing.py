"""Which files of a snapshot to parse: those that may hold DAGs and are not as they were when they were last parsed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from airflow._wire.dag_files import SUFFIXES, may_hold_dags

from runner.dag_processor.ignore import NAME, is_ignored, read_rules
from runner.store.dag_files import DagFile

SURROUNDINGS = "\0surroundings"
"""Stands among the files that a file imported, for what else its meaning depends on. No path is like it."""

__all__ = ["Work", "list_candidates", "may_hold_dags", "to_parse"]


@dataclass(frozen=True, slots=True)
class Work:
    """What a new snapshot asks for. Both lists are sorted."""

    parse: list[str]
    gone: list[str]
    """Files that were parsed once and are no candidates any more."""


def list_candidates(
    files: Iterable[str], read: Callable[[str], bytes], syntax: str
) -> tuple[list[str], list[str]]:
    """Python files, and zips of them, that no .airflowignore hides, and what was wrong with those.

    `read` gives a file's bytes.
    """
    paths = sorted(files)
    ignores = {path: read(path).decode(errors="replace") for path in paths if path.rpartition("/")[2] == NAME}
    rules, problems = read_rules(ignores, syntax)
    return [
        path for path in paths if path.endswith(SUFFIXES) and not is_ignored(path, rules, syntax)
    ], problems


def to_parse(known: Mapping[str, DagFile], files: Mapping[str, str], candidates: Iterable[str]) -> Work:
    """What to do about a snapshot whose files have these digests.

    A file is parsed when it is new, when it or a file of the snapshot that it imports has changed, and, while it has
    an error, with every snapshot: what it needs may have come.
    """
    wanted = set(candidates)
    parse = sorted(path for path in wanted if path not in known or _is_changed(known[path], files))
    return Work(parse, sorted(known.keys() - wanted))


def _is_changed(item: DagFile, files: Mapping[str, str]) -> bool:
    if item.error is not None or item.digest != files[item.path]:
        return True
    return any(files.get(module) != digest for module, digest in item.modules.items())
