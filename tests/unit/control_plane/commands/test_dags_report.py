from __future__ import annotations

from pathlib import Path

import pytest

from control_plane.commands.dags_packages import find_package
from control_plane.commands.dags_report import find_taken_ids, read_answer, read_error, to_json

PATH = "/dags/etl.py"
MISSING = f"""Traceback (most recent call last):
  File "{PATH}", line 7, in <module>
    from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
ModuleNotFoundError: No module named 'airflow.providers.cncf'"""
IN_HELPER = f"""Traceback (most recent call last):
  File "{PATH}", line 3, in <module>
    import helper
  File "/dags/helper.py", line 90, in <module>
    broken()
    ^^^^^^^^
ValueError: one
two"""
SYNTAX = f"""  File "{PATH}", line 2
    def f(:
          ^
SyntaxError: invalid syntax"""


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (IN_HELPER, 3, "ValueError: one\ntwo"),
        (SYNTAX, 2, "SyntaxError: invalid syntax"),
        (f"a.b.CycleError: circle ({PATH}:4, {PATH}:5)", 5, f"CycleError: circle ({PATH}:4, {PATH}:5)"),
        ("cannot import etl.py: it took too long", None, "cannot import etl.py: it took too long"),
    ],
)  # fmt: skip
def test_an_error_names_the_line_of_the_file_and_its_last_words(
    text: str, line: int | None, message: str
) -> None:
    problem = read_error(text, PATH)
    assert (problem.line, problem.message) == (line, message)


def test_a_missing_provider_is_named_whole_when_the_import_names_more_than_the_error() -> None:
    advice = read_error(MISSING, PATH).message.splitlines()[-1]
    assert advice == "add apache-airflow-providers-cncf-kubernetes to requirements.txt"


@pytest.mark.parametrize(
    ("module", "package"),
    [
        ("airflow.providers.amazon.aws.hooks.s3", "apache-airflow-providers-amazon"),
        ("airflow.providers.microsoft.azure", "apache-airflow-providers-microsoft-azure"),
        ("airflow.providers.microsoft", None),
        ("airflow.providers.standard.operators.nothing", None),
        ("google.cloud.storage.blob", "google-cloud-storage"),
        ("google", None),
        ("yaml", "pyyaml"),
        ("pandas.core", "pandas"),
        ("our_helpers", None),
    ],
)
def test_a_package_is_named_only_when_it_is_known(module: str, package: str | None) -> None:
    assert find_package(module) == package


def test_a_dag_id_of_two_files_is_an_error_of_the_second() -> None:
    tasks = [{"task_id": "b", "upstream": ["a"]}, {"task_id": "a"}]
    dag = {"dag_id": "d", "tasks": tasks, "timetable": {"summary": "@daily"}}
    answer = {"root": "/dags", "error": None, "seconds": 0.25, "dags": [dag], "warnings": ["w"]}
    one, two = (read_answer({**answer, "file": name}, Path("/")) for name in ("a.py", "b.py"))
    report = to_json(find_taken_ids([one, two]))["files"]
    assert report[0] == {
        "path": "dags/a.py",
        "import_seconds": 0.25,
        "dags": [{"dag_id": "d", "task_ids": ["a", "b"], "edges": [["a", "b"]], "schedule": "@daily"}],
        "errors": [],
        "warnings": ["w"],
    }
    assert report[1]["errors"] == [
        {"line": None, "message": "the DAG id 'd' is taken by dags/a.py; rename one of them"}
    ]
