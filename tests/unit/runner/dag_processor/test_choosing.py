"""Which files are parsed: .airflowignore in both languages, safe mode, and what counts as a change."""

from __future__ import annotations

import pytest

from runner.dag_processor.choosing import list_candidates, may_hold_dags, to_parse
from runner.store.dag_files import DagFile


def choose(files: dict[str, str], syntax: str) -> list[str]:
    return list_candidates(files, lambda path: files[path].encode(), syntax)[0]


GLOBS = [
    ("helpers/", "helpers/a.py", True),
    ("helpers/", "x/helpers/a.py", True),
    ("/helpers/", "x/helpers/a.py", False),
    ("*.py\n!keep.py", "keep.py", False),
    ("*.py\n!keep.py", "drop.py", True),
    ("a/*.py", "a/b/c.py", False),
    ("a/**/c.py", "a/c.py", True),
    ("a/**/c.py", "a/b/b/c.py", True),
    ("**/tests", "x/tests/a.py", True),
    ("[ab].py", "a.py", True),
    ("[!ab].py", "a.py", False),
    ("# a.py", "a.py", False),
    ("a?.py", "ab.py", True),
    ("helper", "helper.py", False),
]
REGEXPS = [
    ("helpers", "helpers/a.py", True),
    ("helper_.*", "x/helper_a.py", True),
    ("^a", "b/a.py", False),
    ("a  # why", "a.py", True),
    ("# a", "a.py", False),
    ("[", "a.py", False),
]


@pytest.mark.parametrize(("text", "path", "ignored"), GLOBS)
def test_glob_ignores_as_git_does(text, path, ignored):
    assert choose({".airflowignore": text, path: ""}, "glob") == ([] if ignored else [path])


@pytest.mark.parametrize(("text", "path", "ignored"), REGEXPS)
def test_regexp_ignores_what_it_finds_in_the_path(text, path, ignored):
    assert choose({".airflowignore": text, path: ""}, "regexp") == ([] if ignored else [path])


def test_ignore_file_reaches_no_further_than_its_directory():
    files = {"a/.airflowignore": "x.py", "a/x.py": "", "b/x.py": "", "a/y.txt": ""}
    assert choose(files, "glob") == choose(files, "regexp") == ["b/x.py"]


def test_bad_pattern_is_reported_and_the_others_hold():
    files = {".airflowignore": "[\nskip", "skip.py": "", "a.py": ""}
    candidates, problems = list_candidates(files, lambda path: files[path].encode(), "regexp")
    assert candidates == ["a.py"]
    assert len(problems) == 1
    assert ".airflowignore" in problems[0]


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        (b"from AIRFLOW import Dag", True),
        (b"import airflow; Asset", True),
        (b"dag", False),
        (b"airflow", False),
        (b"", False),
    ],
)
def test_safe_mode_looks_for_the_words(text, holds):
    assert may_hold_dags(text) is holds


def known(path: str, digest: str, modules: dict[str, str] | None = None, error: str | None = None) -> DagFile:
    return DagFile(path, digest, "old", 0.0, 0.0, modules or {}, error)


CASES = [
    ("new", {}, {"a.py": "1"}, ["a.py"], []),
    ("same", {"a.py": known("a.py", "1")}, {"a.py": "1"}, [], []),
    ("changed", {"a.py": known("a.py", "1")}, {"a.py": "2"}, ["a.py"], []),
    ("gone", {"a.py": known("a.py", "1")}, {}, [], ["a.py"]),
    ("module changed", {"a.py": known("a.py", "1", {"m.py": "1"})}, {"a.py": "1", "m.py": "2"}, ["a.py"], []),
    ("module same", {"a.py": known("a.py", "1", {"m.py": "1"})}, {"a.py": "1", "m.py": "1"}, [], []),
    ("module gone", {"a.py": known("a.py", "1", {"m.py": "1"})}, {"a.py": "1"}, ["a.py"], []),
    ("broken", {"a.py": known("a.py", "1", error="no m")}, {"a.py": "1"}, ["a.py"], []),
]


@pytest.mark.parametrize(("name", "before", "files", "parse", "gone"), CASES, ids=[case[0] for case in CASES])
def test_file_is_parsed_when_it_or_what_it_imports_changed(name, before, files, parse, gone):
    work = to_parse(before, files, [path for path in files if path != "m.py"])
    assert (work.parse, work.gone) == (parse, gone)
