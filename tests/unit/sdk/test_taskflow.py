"""@dag, @task and outputs."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Bundle

HEAD = """
from airflow import DAG
from airflow.decorators import dag, task, task_group
from airflow.models import Param
from airflow.operators.bash import BashOperator
from airflow.operators.empty import EmptyOperator
"""


def run_all(bundle: Bundle, source: str, **changes: Any) -> dict[str, Any]:
    """Run every task in order; the words by task id."""
    dags = bundle.load(HEAD + source)
    (one,) = dags.values()
    return {task.task_id: bundle.run(dags, task.task_id, **changes) for task in one.topological_sort()}


def test_values_flow_along_calls(bundle: Bundle) -> None:
    words = run_all(
        bundle,
        """
with DAG("d"):
    @task
    def one(): return 1
    @task
    def add(x, *more, y=0, ti=None): return x + sum(more) + y + len(ti.task_id)
    @task
    def deep(data): return data
    first = one()
    total = add(first, first, y=first)
    deep({"a": [total, {"b": first}], "t": "{{ ti.xcom_pull('one') }}"})
""",
    )
    assert words["add"]["xcoms"]["return_value"] == 6
    assert words["deep"]["xcoms"]["return_value"] == {"a": [6, {"b": 1}], "t": "1"}


@pytest.mark.parametrize(
    "annotation, several",
    [
        ("-> dict[str, int]", True),
        ("-> 'dict'", True),
        ("-> 'typing.Dict[str, int]'", True),
        ("-> typing.Mapping[str, int]", True),
        ("-> list", False),
        ("", False),
    ],
)
def test_dict_in_the_annotation_is_several_outputs(bundle: Bundle, annotation: str, several: bool) -> None:
    words = run_all(
        bundle,
        f"""
import typing
with DAG("d"):
    @task
    def pair() {annotation}: return {{"a": 1, "b": 2}}
    pair()
""",
    )
    assert sorted(words["pair"]["xcoms"]) == (["a", "b", "return_value"] if several else ["return_value"])


def test_indexed_output_is_another_xcom(bundle: Bundle) -> None:
    words = run_all(
        bundle,
        """
with DAG("d"):
    @task(multiple_outputs=True)
    def pair(): return {"a": 1, "b": None}
    @task
    def take(a, b): return [a, b]
    p = pair()
    take(p["a"], p["b"])
    @task
    def plain(): ...
    @task
    def missing(x): ...
    missing(plain()["c"])
""",
    )
    assert words["take"]["xcoms"]["return_value"] == [1, None]
    assert "cannot find the XCom 'c' of task 'plain'" in words["missing"]["reason"]


def test_same_function_twice_gets_another_id(bundle: Bundle) -> None:
    dag = bundle.dag(
        HEAD
        + """
with DAG("d"):
    @task(retries=3)
    def t(): ...
    t(), t(), t.override(task_id="other", retries=1)()
    @task_group
    def g():
        t(), t()
    g(), g()
"""
    )
    assert list(dag["tasks"]) == ["t", "t__1", "other", "g.t", "g.t__1", "g__1.t", "g__1.t__1"]
    assert (dag["tasks"]["t"]["retries"], dag["tasks"]["other"]["retries"]) == (3, 1)


def test_output_of_a_classic_operator(bundle: Bundle) -> None:
    words = run_all(
        bundle,
        """
with DAG("d"):
    b = BashOperator(task_id="b", bash_command="echo 4")
    c = BashOperator(task_id="c", bash_command=b.output, env={"X": b.output})
    e = BashOperator(task_id="e", bash_command=f"echo got {b.output}")
""",
    )
    assert words["e"]["xcoms"]["return_value"] == "got 4"
    assert words["c"]["state"] == "failed"


def test_call_that_cannot_work_is_seen_in_the_dag_file(bundle: Bundle) -> None:
    error = bundle.parse(HEAD + "with DAG('d'):\n    @task\n    def f(a, b): ...\n    f(1)\n")["error"]
    assert "missing a required argument: 'b'" in error


def test_variant_of_a_provider_that_is_not_installed_names_the_package(bundle: Bundle) -> None:
    error = bundle.parse(f"{HEAD}\n@task.kubernetes\ndef f(): ...\n")["error"]
    assert "apache-airflow-providers-cncf-kubernetes" in error


def test_branch_short_circuit_and_bash(bundle: Bundle) -> None:
    words = run_all(
        bundle,
        """
with DAG("d"):
    a, b = EmptyOperator(task_id="a"), EmptyOperator(task_id="b")
    @task.branch
    def choose(): return "b"
    choose() >> [a, b]
    @task.short_circuit
    def stop(): return False
    stop() >> EmptyOperator(task_id="c")
    @task.bash(env={"X": "{{ ds }}"})
    def shell(word): return f"echo {word} $X {{{{ run_id }}}}"
    shell("hi")
""",
    )
    assert words["choose"]["details"] == {"skip": ["a"]}
    assert words["stop"]["details"] == {"skip": ["c"]}
    assert words["shell"]["xcoms"]["return_value"] == "hi 2024-05-06 run1"


def test_arguments_of_a_dag_function_are_params(bundle: Bundle) -> None:
    source = """
@dag(schedule=None)
def d(n=3, name=Param("x", type="string")):
    '''What it does.'''
    @task
    def show(n, name): return [n, name]
    show(n, name)
d(n=4)
"""
    assert bundle.dag(HEAD + source)["doc_md"] == "What it does."
    assert run_all(bundle, source)["show"]["xcoms"]["return_value"] == [4, "x"]
    assert run_all(bundle, source, run={"conf": {"n": 9}})["show"]["xcoms"]["return_value"] == [9, "x"]


def test_async_function(bundle: Bundle) -> None:
    words = run_all(bundle, "with DAG('d'):\n    @task\n    async def f(): return 5\n    f()\n")
    assert words["f"]["xcoms"]["return_value"] == 5


def test_the_plain_function_stays_reachable(bundle: Bundle) -> None:
    source = """
with DAG('d') as d:
    @task
    def f(x):
        'doc'
        return 2 * x
    f(1)
d.result = f.function(4)
"""
    (one,) = bundle.load(HEAD + source).values()
    assert one.result == 8 and one.get_task("f").doc_md == "doc"


def test_dag_test_runs_everything_here(bundle: Bundle) -> None:
    (one,) = bundle.load(
        HEAD
        + """
with DAG("d") as d:
    @task
    def a(): return 1
    @task
    def b(x): assert x == 1
    @task.branch
    def choose(): return "yes"
    yes, no = EmptyOperator(task_id="yes"), EmptyOperator(task_id="no")
    @task
    def bad(): raise ValueError
    @task(trigger_rule="all_done")
    def last(): ...
    b(a()) >> choose() >> [yes, no]
    bad() >> EmptyOperator(task_id="never") >> last()
"""
    ).values()
    assert one.test().states == {
        "a": "success", "b": "success", "choose": "success", "yes": "success", "no": "skipped",
        "bad": "failed", "never": "upstream_failed", "last": "success",
    }  # fmt: skip
