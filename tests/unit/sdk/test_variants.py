"""@task in all flavours, groups and chains."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
from airflow.decorators import task, task_group
from airflow.decorators.decorated import plain_source
from airflow.exceptions import AirflowException, DuplicateTaskIdFound
from airflow.models.chains import chain, chain_linear, cross_downstream
from airflow.models.dag import DAG
from airflow.operators.empty import EmptyOperator
from airflow.utils.edgemodifier import Label
from airflow.utils.task_group import TaskGroup

from .conftest import Bundle

HEAD = """
from airflow import DAG
from airflow.decorators import setup, task, task_group, teardown
from airflow.sdk import result
"""


@pytest.mark.parametrize(
    "decorators, state, reason",
    [
        ("@task.run_if(lambda c: c['ti'].task_id == 'f')", "success", None),
        ("@task.run_if(lambda c: False, 'not today')", "skipped", "not today"),
        ("@task.skip_if(lambda c: (True, 'because'))", "skipped", "because"),
        ("@task.skip_if(lambda c: False)", "success", None),
        ("@task.skip_if(lambda c: False)\n@task.run_if(lambda c: False, 'inner')", "skipped", "inner"),
    ],
)
def test_condition_on_a_task(bundle: Bundle, decorators: str, state: str, reason: str | None) -> None:
    dags = bundle.load(f"{HEAD}\n{decorators}\n@task\ndef f(): ...\nwith DAG('d') as dag: f()\n")
    word = bundle.run(dags, "f")
    assert (word["state"], word["reason"]) == (state, reason)


def test_what_is_no_task_takes_no_condition() -> None:
    with pytest.raises(TypeError, match="decorate it with @task first"):
        task.run_if(lambda c: True)(lambda: 1)


def test_default_args_fill_parameters_of_the_function(bundle: Bundle) -> None:
    dags = bundle.load(
        HEAD
        + """
with DAG("d", default_args={"word": "hello", "retries": 3}):
    @task
    def f(given, word, retries=0): return [given, word, retries]
    f(1)
"""
    )
    assert bundle.run(dags, "f", max_tries=4)["xcoms"]["return_value"] == [1, "hello", 3]


@pytest.mark.parametrize(
    "source, error",
    [
        ("@task\ndef f(self): ...", "it is a method"),
        ("@task\ndef f(ti=3): ...\nwith DAG('d'): f()", "only None"),
        ("@teardown\n@task(trigger_rule='all_done')\ndef f(): ...\nwith DAG('d'): f()", "it is a teardown"),
        ("@setup\n@task_group\ndef f(): ...", "as a setup"),
        ("task.nothing", "no such variant"),
        ("task.docker", "apache-airflow-providers-docker"),
        ("result(3)", "neither a @task function nor an output"),
    ],
)
def test_decorator_that_cannot_work_is_refused(bundle: Bundle, source: str, error: str) -> None:
    assert error in bundle.parse(f"{HEAD}\n{source}\n")["error"]


def test_variant_of_an_installed_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"name": "shout", "class-name": "provider_for_tests.shout"}
    entry = SimpleNamespace(load=lambda: lambda: {"task-decorators": [row]})
    monkeypatch.setattr("airflow.decorators.provided.entry_points", lambda group: [entry])
    monkeypatch.setitem(sys.modules, "provider_for_tests", SimpleNamespace(shout=task.branch))
    assert task.shout == task.branch


def test_operator_of_a_provider_runs_the_function_its_own_way(bundle: Bundle) -> None:
    dags = bundle.load(
        HEAD
        + """
from airflow.decorators.base import DecoratedOperator, task_decorator_factory
from airflow.models import BaseOperator
class Elsewhere(BaseOperator):
    def __init__(self, image, **kwargs):
        super().__init__(**kwargs)
        self.image = image
    def execute(self, context):
        return [self.image, self.get_python_source(), list(self.op_args), dict(self.op_kwargs)]
class ElsewhereDecorated(DecoratedOperator, Elsewhere):
    custom_operator_name = "@task.elsewhere"
with DAG("d"):
    def elsewhere(f=None, **options):
        return task_decorator_factory(f, decorated_operator_class=ElsewhereDecorated, **options)
    task_elsewhere = elsewhere(image="i")
    @task_elsewhere
    def f(a, b): return a
    f("{{ ds }}", b=2)
    f.override(task_id="many").partial(b=1).expand(a=[1, 2])
"""
    )
    assert bundle.run(dags, "f")["xcoms"]["return_value"][2:] == [["2024-05-06"], {"b": 2}]
    assert bundle.run(dags, "many", map_index=1)["xcoms"]["return_value"][3] == {"b": 1, "a": 2}


def test_source_without_our_decorators() -> None:
    @task.branch(task_id="x")
    def chosen(
        a: int,
    ) -> int:
        return a  # here

    text = plain_source(chosen.function)
    assert text.startswith("def chosen(") and text.endswith("return a  # here\n")


def test_marks_of_a_task_stay_with_it(bundle: Bundle) -> None:
    dags = bundle.load(
        HEAD
        + """
with DAG("d"):
    @result
    @task
    def f(x): ...
    @task(task_id="t", retries=2, multiple_outputs=True)
    def g(): "doc"
    f.override(task_id="other").expand(x=[g()])
"""
    )
    (one,) = dags.values()
    assert one.get_task("other").returns_dag_result and not one.get_task("t").returns_dag_result
    assert (one.get_task("t").doc_md, one.get_task("t").retries) == ("doc", 2)


def test_groups_in_dependencies() -> None:
    with DAG("d") as dag:
        first, last = EmptyOperator(task_id="first"), EmptyOperator(task_id="last")
        with TaskGroup("a") as a:
            make = EmptyOperator(task_id="make").as_setup()
            work = EmptyOperator(task_id="work")
            make >> work >> EmptyOperator(task_id="remove").as_teardown(setups=make)
        with TaskGroup("empty") as empty:
            pass
        first >> Label("go") >> a >> empty >> last
    assert make.upstream_task_ids == {"first"} and dag.get_edge_info("first", "a.make") == {"label": "go"}
    assert last.upstream_task_ids == {"a.work"}, (
        "what a teardown cleans up after ends the group, not the teardown"
    )
    assert empty.upstream_task_ids == set() and empty.upstream_group_ids == {"a"}


def test_group_ids() -> None:
    with DAG("d"):
        with pytest.raises(AirflowException, match="letters, digits, dashes"):
            TaskGroup("a.b")

        @task_group(group_id="g", tooltip="tip", ui_color="red", default_args={"retries": 4})
        def write(n: int) -> None:
            EmptyOperator(task_id=f"t{n}")

        groups = [write(1), write(2), write.override(group_id="h")(3)]
        assert [group.group_id for group in groups] == ["g", "g__1", "h"]
        assert groups[1]["t2"].retries == 4 and groups[0].tooltip == "tip"
        with pytest.raises(DuplicateTaskIdFound):
            TaskGroup("g")


def test_chains_of_everything() -> None:
    with DAG("d") as dag:
        names = [EmptyOperator(task_id=f"t{i}") for i in range(6)]
        with TaskGroup("g") as group:
            EmptyOperator(task_id="x") >> EmptyOperator(task_id="y")

        @task
        def out() -> int:
            return 1

        output = out()
        chain(names[0], [names[1], names[2]], [names[3], output], group, Label("end"), names[4])
        chain_linear([names[0]], [names[1], names[2]], names[5])
        cross_downstream([names[3], output], [names[4], names[5]])
    up = {task.task_id: sorted(task.upstream_task_ids) for task in dag.tasks}
    assert up["out"] == ["t2"] and up["t3"] == ["t1"] and up["g.x"] == ["out", "t3"]
    assert up["t4"] == ["g.y", "out", "t3"] and up["t5"] == ["out", "t1", "t2", "t3"]
    assert dag.get_edge_info("g.y", "t4") == {"label": "end"}
    with pytest.raises(AirflowException, match="different lengths"):
        chain([names[0], names[1]], [names[2], names[3], names[4]])


def test_function_under_another_interpreter(bundle: Bundle) -> None:
    dags = bundle.load(
        HEAD
        + f"""
with DAG("d"):
    @task.external_python(python={sys.executable!r})
    def f(x): return x + 1
    @task.virtualenv(requirements=["x"], system_site_packages=False)
    def g(): ...
    @task.branch_external_python(python={sys.executable!r})
    def h(): return "f"
    f(1), g(), h()
    f.override(task_id="many").expand(x=[1, 5])
"""
    )
    (one,) = dags.values()
    assert [task.operator_name for task in one.tasks[:3]] == [
        "@task.external_python", "@task.virtualenv", "@task.branch_external_python",
    ]  # fmt: skip
    word = bundle.run(dags, "many", map_index=1)
    assert word["xcoms"]["return_value"] == 6, word["reason"]
