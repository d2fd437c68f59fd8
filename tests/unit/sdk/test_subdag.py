"""SubDagOperator: the inner DAG's tasks are tasks of the outer one, and know each other by their old ids."""

from __future__ import annotations

import pytest

from .conftest import Bundle

SOURCE = """
from datetime import datetime
from airflow import DAG
from airflow.operators.bash_operator import BashOperator
from airflow.operators.dummy_operator import DummyOperator
from airflow.operators.python_operator import PythonOperator
from airflow.operators.subdag_operator import SubDagOperator
from airflow.utils.task_group import TaskGroup

def inner(parent, child, deeper=None):
    options = {'schedule_interval': '@daily', 'start_date': datetime(2020, 1, 1), 'params': {'p': child}}
    with DAG(f'{parent}.{child}', **options) as dag:
        a = BashOperator(task_id='a', bash_command='echo {{ params.p }}')
        with TaskGroup('g'):
            b = PythonOperator(task_id='b', python_callable=lambda ti: ti.xcom_pull(task_ids='a'))
        a >> b
        if deeper:
            b >> SubDagOperator(task_id=deeper, subdag=inner(dag.dag_id, deeper))
    return dag

with DAG('d', schedule_interval=None, start_date=datetime(2020, 1, 1)) as dag:
    section = SubDagOperator(task_id='section', subdag=inner('d', 'section', 'low'), trigger_rule='all_done')
    end = PythonOperator(task_id='end', python_callable=lambda ti: [
        ti.xcom_pull(dag_id='d.section', task_ids=['a']), ti.xcom_pull(task_ids='section.a'),
        ti.xcom_pull(dag_id='d.section.low', task_ids='a')])
    DummyOperator(task_id='begin') >> section >> end
"""


def test_inner_tasks_become_a_group_of_the_outer_dag(bundle: Bundle) -> None:
    dag = bundle.dag(SOURCE)
    upstream = {name: task["upstream"] for name, task in dag["tasks"].items()}
    assert upstream == {
        "begin": [],
        "section.a": ["begin"],
        "section.g.b": ["section.a"],
        "section.low.a": ["section.g.b"],
        "section.low.g.b": ["section.low.a"],
        "end": ["section.low.g.b"],
    }
    assert dag["tasks"]["section.a"]["trigger_rule"] == "all_done"
    groups = {name: group["parent"] for name, group in dag["task_groups"].items()}
    assert groups == {
        "section": None,
        "section.g": "section",
        "section.low": "section",
        "section.low.g": "section.low",
    }
    assert dag["tasks"]["section.low.g.b"]["group"] == "section.low.g"
    assert dag["task_groups"]["section"]["children"] == ["section.a", "section.g", "section.low"]


def test_xcoms_are_found_by_the_ids_as_written(bundle: Bundle) -> None:
    dags = bundle.load(SOURCE)
    assert bundle.run(dags, "section.a")["xcoms"]["return_value"] == "section"
    assert bundle.run(dags, "section.g.b")["xcoms"]["return_value"] == "section"
    assert bundle.run(dags, "section.low.a")["xcoms"]["return_value"] == "low"
    assert bundle.run(dags, "section.low.g.b")["xcoms"]["return_value"] == "low"
    assert bundle.run(dags, "end")["xcoms"]["return_value"] == [["section"], "section", "low"]


def test_inner_dag_must_have_the_id_that_airflow_wants(bundle: Bundle) -> None:
    error = bundle.parse(SOURCE.replace("inner('d', 'section', 'low')", "inner('d', 'other')"))["error"]
    assert "its dag_id must be 'd.section'" in error


def test_two_of_one_id_are_refused(bundle: Bundle) -> None:
    again = "\n    SubDagOperator(task_id='section', subdag=inner('d', 'section'))"
    assert "has that id already" in bundle.parse(SOURCE + again)["error"]


@pytest.mark.parametrize("generation", ["1.10.12"], indirect=True)
def test_leftover_arguments_are_taken(bundle: Bundle, generation: int) -> None:
    source = SOURCE.replace("trigger_rule='all_done'", "default_args={}, executor=None, conf={}")
    assert bundle.parse(source)["error"] is None
