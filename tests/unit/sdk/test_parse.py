"""Parsing a DAG file: what comes out, and what a user reads when nothing does."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from airflow._task.parse import parse

from .conftest import Bundle

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "tests/dags").rglob("*.py")) + sorted((ROOT / "examples").glob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_every_file_parses_under_every_generation(file: Path, generation: int) -> None:
    result = parse(str(file.parent), file.name)
    assert result["error"] is None, result["error"]
    assert result["dags"]
    assert json.loads(json.dumps(result)) == result
    for dag in result["dags"]:
        ids = {task["task_id"] for task in dag["tasks"]}
        assert all(set(task["upstream"]) <= ids for task in dag["tasks"])


def test_file_without_dags_is_no_error(bundle: Bundle) -> None:
    result = bundle.parse("x = 1\n")
    assert (result["dags"], result["error"]) == ([], None)


@pytest.mark.parametrize(
    "source, line, words",
    [
        ("import no_such_library\n", 1, "No module named 'no_such_library'"),
        ("x = 1\ny = (\n", 2, "SyntaxError"),
        ("\nraise SystemExit(3)\n", 2, "SystemExit: 3"),
        ("\n\nraise KeyboardInterrupt\n", 3, "KeyboardInterrupt"),
        ("from airflow import DAG\nDAG('d', schedule='61 * * * *')\n", 2, "'61' is no minute"),
        ("from airflow import DAG\nDAG('d', schedule='@often')\n", 2, "the presets are"),
        ("from airflow import DAG\nDAG('d', schedule=7)\n", 2, "it is a int"),
        ("from airflow import DAG\nDAG('a b')\n", 2, "'a b' as an id"),
        ("from airflow import DAG\nDAG('d', flavour=1)\n", 2, "does not take flavour"),
        (
            "from airflow.models import Variable\nVariable.get('missing')\n",
            2,
            "Variable missing does not exist",
        ),
        ("from airflow.hooks.base import BaseHook\nBaseHook.get_connection('c')\n", 2, "`c` isn't defined"),
        (
            "from airflow import DAG\nfrom airflow.operators.empty import EmptyOperator\nwith DAG('d'):\n"
            "    EmptyOperator(task_id='a')\n    EmptyOperator(task_id='a')\n",
            5,
            "'a': DAG 'd' has a task or group of that id",
        ),
    ],
)
def test_error_names_the_line_and_none_of_our_frames(
    bundle: Bundle, source: str, line: int, words: str
) -> None:
    result = bundle.parse(source)
    assert result["dags"] == []
    assert words in result["error"]
    assert f'dag0.py", line {line}' in result["error"]
    assert "runner/sdk/airflow" not in result["error"]


def test_cycle_is_refused_with_file_and_line(bundle: Bundle) -> None:
    error = bundle.parse(
        """
        from airflow import DAG
        from airflow.operators.empty import EmptyOperator
        with DAG("d"):
            a = EmptyOperator(task_id="a")
            b = EmptyOperator(task_id="b")
            a >> b >> a
        """
    )["error"]
    assert "form a cycle: a >> b >> a" in error
    assert "dag0.py:5" in error and "dag0.py:6" in error


def test_two_dags_of_one_id_are_refused_with_both_places(bundle: Bundle) -> None:
    error = bundle.parse("from airflow import DAG\none = DAG('d')\ntwo = DAG('d')\n")["error"]
    assert "two DAGs have this id" in error and "dag0.py:2" in error and "dag0.py:3" in error


def test_same_dag_under_two_names_is_one(bundle: Bundle) -> None:
    assert len(bundle.load("from airflow import DAG\nwith DAG('d') as one:\n    pass\ntwo = one\n")) == 1


def test_dag_is_found_by_with_and_by_decorator_without_a_name(bundle: Bundle) -> None:
    dags = bundle.load(
        """
        from airflow import DAG
        from airflow.decorators import dag
        def build():
            with DAG("hidden"):
                pass
        build()
        @dag(schedule=None)
        def decorated(): ...
        decorated()
        @dag(schedule=None)
        def never_called(): ...
        """
    )
    assert sorted(dags) == ["decorated", "hidden"]


def test_imported_modules_of_the_bundle_are_listed(bundle: Bundle) -> None:
    bundle.write("VALUE = 1\n", "helpers_of_test/part.py")
    result = bundle.parse("import json\nfrom helpers_of_test.part import VALUE\n")
    assert result["modules"] == ["helpers_of_test/part.py"]


def test_module_name_is_not_main(bundle: Bundle) -> None:
    assert (
        bundle.parse("if __name__ == '__main__':\n    raise RuntimeError('run as a script')\n")["error"]
        is None
    )


def test_import_that_hangs_is_an_error(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT", "0.1")
    error = bundle.parse("import threading\nthreading.Event().wait(30)\n")["error"]
    assert "took longer than 0.1 seconds" in error and 'dag0.py", line 2' in error


def test_variable_at_parse_time_comes_from_the_process_environment(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_DAG_NAME", "named")
    source = "from airflow import DAG\nfrom airflow.models import Variable\nDAG(Variable.get('dag_name')).__enter__()\n"
    assert list(bundle.load(source)) == ["named"]


def test_deprecation_warnings_are_collected(bundle: Bundle) -> None:
    result = bundle.parse("import warnings\nwarnings.warn('old thing', DeprecationWarning)\n")
    assert len(result["warnings"]) == 1 and "old thing" in result["warnings"][0]


def test_parsing_writes_nothing_into_the_bundle(bundle: Bundle) -> None:
    bundle.parse("x = 1\n")
    assert [path.name for path in bundle.path.iterdir()] == ["dag0.py"]


def test_dags_of_a_zip_are_found_when_its_files_import_each_other(bundle: Bundle) -> None:
    with zipfile.ZipFile(bundle.path / "packed.zip", "w") as archive:
        head = "from airflow import DAG\n"
        archive.writestr("one.py", f"{head}from packed_helper import NAME\nd = DAG(NAME, schedule=None)")
        archive.writestr("packed_helper.py", "NAME = 'packed'")
        archive.writestr("inner/two.py", "from airflow import DAG\nd = DAG('never', schedule=None)")
    result = parse(str(bundle.path), "packed.zip")
    assert (result["error"], [dag["dag_id"] for dag in result["dags"]]) == (None, ["packed"])


def test_a_zip_that_is_none_is_an_error(bundle: Bundle) -> None:
    (bundle.path / "bad.zip").write_bytes(b"PK\x03\x04 airflow dag")
    assert "BadZipFile" in parse(str(bundle.path), "bad.zip")["error"]
