"""Functions in other interpreters. No package is fetched: the environments made here have none of their own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.exceptions import AirflowException
from airflow.operators.python import ExternalPythonOperator, PythonVirtualenvOperator
from airflow.utils import python_virtualenv as venvs

from .conftest import Bundle

HEAD = f"""
import sys
from airflow import DAG
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import *
dag = DAG('d')
PYTHON = {sys.executable!r}
def external(f, **options):
    options = {{'python': PYTHON, **options}}
    return ExternalPythonOperator(task_id='t', dag=dag, python_callable=f, **options)
def add(x, y=0):
    return x + y
def dates(ds, ts_nodash, **kwargs):
    return [ds, ts_nodash, 'ti' in kwargs, 'run_id' in kwargs]
def day(logical_date):
    return logical_date
def strings():
    return virtualenv_string_args
def leave(code):
    import sys
    sys.exit(code)
def fail():
    raise ValueError('broken on purpose')
def variables():
    import os
    return [os.environ.get(name) for name in ('X', 'HOME')]
def own(ti):
    return ti
def context():
    from airflow.operators.python import get_current_context
    return get_current_context()['run_id']
def choose():
    return 'a'
def prefix():
    import sys
    print('in', sys.prefix)
    return [sys.prefix, sys.base_prefix]
def sees_airflow():
    from airflow.models import DAG
    import jinja2
    return DAG.__name__
"""


@pytest.fixture
def one(bundle: Bundle) -> Callable[..., dict[str, Any]]:
    return lambda source, **changes: bundle.run(bundle.load(HEAD + source), "t", **changes)


@pytest.mark.parametrize(
    "source, value",
    [
        ("external(add, op_args=[1], op_kwargs={'y': 2})", 3),
        ("external(add, op_kwargs={'x': '{{ ds }}', 'y': '!'})", "2024-05-06!"),
        ("external(dates)", ["2024-05-06", "20240506T000000", False, True]),
        ("external(strings, string_args=['a', '{{ ds }}'])", ["a", "{{ ds }}"]),
        ("external(variables, env_vars={'X': '1'}, inherit_env=False)", ["1", None]),
        ("external(context, use_airflow_context=True)", "run1"),
        ("external(add, op_args=[1], python='{{ params.python }}', params={'python': PYTHON})", 1),
    ],
)
def test_external_python_returns_what_the_function_does(
    one: Callable[..., Any], source: str, value: Any
) -> None:
    word = one(source)
    assert word["state"] == "success", word["reason"]
    assert word["xcoms"]["return_value"] == value


@pytest.mark.parametrize(
    "source, state, words",
    [
        ("external(leave, op_args=[4], skip_on_exit_code=4)", "skipped", "code 4"),
        ("external(leave, op_args=[4], skip_on_exit_code=[5])", "failed", "exit status 4"),
        ("external(fail)", "failed", "broken on purpose"),
        ("external(own)", "failed", "ti"),
        ("external(add, op_args=[1], op_kwargs={'y': sys})", "failed", "cannot hand 'y'"),
        ("external(add, op_args=[1], python='python3')", "failed", "must be absolute"),
        ("external(add, op_args=[1], python='/no/python')", "failed", "must be a file that exists"),
    ],
)
def test_external_python_ends_otherwise(one: Callable[..., Any], source: str, state: str, words: str) -> None:
    word = one(source)
    assert word["state"] == state and words in word["reason"]


def test_branch_by_another_interpreter(one: Callable[..., Any]) -> None:
    word = one(
        "BranchExternalPythonOperator(task_id='t', dag=dag, python=PYTHON, python_callable=choose)"
        " >> [EmptyOperator(task_id=name, dag=dag) for name in 'ab']"
    )
    assert word["details"]["skip"] == ["b"]


def test_environment_is_made_and_goes_and_a_cached_one_stays(
    one: Callable[..., Any], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = (
        "PythonVirtualenvOperator(task_id='t', dag=dag, python_callable=prefix, system_site_packages=False{})"
    )
    made, base = one(source.format(""))["xcoms"]["return_value"]
    assert made != base and not Path(made).exists()
    cached = source.format(f", venv_cache_path={str(tmp_path / 'cache')!r}")
    first, second = (one(cached)["xcoms"]["return_value"][0] for _ in range(2))
    assert first == second and Path(first).exists()
    assert capfd.readouterr().out.count("Reusing cached") == 1


def test_environment_with_system_packages_sees_ours(one: Callable[..., Any]) -> None:
    word = one("PythonVirtualenvOperator(task_id='t', dag=dag, python_callable=sees_airflow)")
    assert word["xcoms"].get("return_value") == "DAG", word["reason"]


def test_requirements_go_to_the_installer_and_a_failure_is_told(
    one: Callable[..., Any], bundle: Bundle
) -> None:
    bundle.write("# comment\n--no-index\nno-such-package=={{ params.v }}\n", "needs.txt")
    word = one(
        "PythonVirtualenvOperator(task_id='t', dag=dag, python_callable=add, requirements='needs.txt',"
        " params={'v': 7}, index_urls=[], system_site_packages=False)"
    )
    assert word["state"] == "failed" and "cannot make the virtual environment" in word["reason"]


def recipe_of(**options: Any) -> venvs.Recipe:
    def function() -> None: ...

    return PythonVirtualenvOperator(task_id="t", python_callable=function, **options)._recipe()


def test_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_INDEX", "http://me:se%20cret@mirror/simple")
    found = recipe_of(
        requirements=["b==1", "# no", "a"],
        python_version="3.9",
        serializer="dill",
        index_urls="https://first",
        index_urls_from_connection_ids=["index"],
        pip_install_options=["--pre"],
    )
    assert found.requirements == ("# no", "a", "b==1", "dill")
    assert (found.python, found.shares_ours, found.options) == ("python3.9", False, ("--pre",))
    assert found.index_urls is not None and found.index_urls[0] == "https://first"
    assert recipe_of().index_urls is None and recipe_of().shares_ours


@pytest.mark.parametrize(
    "function, options, words",
    [
        (lambda: 1, {}, "made with def"),
        (print, {}, "made with def"),
        (recipe_of, {"serializer": "xml"}, "'xml' is not one of"),
        (recipe_of, {"python_version": 3.9}, "must be text"),
    ],
)
def test_what_cannot_be_sent_is_refused(function: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises((ValueError, AirflowException), match=words):
        PythonVirtualenvOperator(task_id="t", python_callable=function, **options)
    with pytest.raises(ValueError, match="path of an interpreter"):
        ExternalPythonOperator(task_id="t", python_callable=recipe_of, python="")
