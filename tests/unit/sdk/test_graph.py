"""Dependencies: every way to write them gives the same edges."""

from __future__ import annotations

import pytest
from airflow import DAG
from airflow.exceptions import AirflowException, DuplicateTaskIdFound
from airflow.models import BaseOperator
from airflow.models.baseoperator import chain_linear
from airflow.operators.empty import EmptyOperator
from airflow.utils.edgemodifier import Label
from airflow.utils.task_group import TaskGroup

HEAD = """
from airflow import DAG
from airflow.models.baseoperator import chain, chain_linear, cross_downstream
from airflow.operators.empty import EmptyOperator
with DAG("d") as dag:
    a, b, c, d = (EmptyOperator(task_id=name) for name in "abcd")
"""


def edges(statement: str) -> set[str]:
    scope: dict[str, DAG] = {}
    exec(f"{HEAD}    {statement}\n", scope)
    return {up + task.task_id for task in scope["dag"].tasks for up in task.upstream_task_ids}


@pytest.mark.parametrize(
    "statement, expected",
    [
        ("a >> b >> c", "ab bc"),
        ("a << b << c", "ba cb"),
        ("a >> [b, c] >> d", "ab ac bd cd"),
        ("[a, b] >> c", "ac bc"),
        ("[a, b] << c", "ca cb"),
        ("a >> [b, [c, d]]", "ab ac ad"),
        ("a.set_downstream([b, c])", "ab ac"),
        ("d.set_upstream([b, c])", "bd cd"),
        ("chain(a, [b, c], d)", "ab ac bd cd"),
        ("chain([a, b], [c, d])", "ac bd"),
        ("chain_linear([a, b], [c, d])", "ac ad bc bd"),
        ("cross_downstream([a, b], [c, d])", "ac ad bc bd"),
        ("a >> b; a >> b", "ab"),
    ],
)
def test_edges(statement: str, expected: str) -> None:
    assert edges(statement) == set(expected.split())


@pytest.mark.parametrize("wrong", ["'b'", "None", "5"])
def test_dependency_on_something_else_is_refused(wrong: str) -> None:
    with pytest.raises(AirflowException, match="cannot set a dependency"):
        edges(f"a >> {wrong}")


def test_chain_of_lists_of_different_lengths_is_refused() -> None:
    with pytest.raises(AirflowException, match="different lengths: 2 and 1"):
        edges("chain([a, b], [c])")
    with pytest.raises(ValueError, match="nothing to set"):
        chain_linear(EmptyOperator(task_id="alone"))


def test_edge_between_two_dags_is_refused() -> None:
    with pytest.raises(AirflowException, match="one is in DAG 'one', the other in 'two'"):
        EmptyOperator(task_id="a", dag=DAG("one")) >> EmptyOperator(task_id="b", dag=DAG("two"))


def test_task_without_a_dag_joins_that_of_its_neighbour() -> None:
    dag = DAG("d")
    lonely = EmptyOperator(task_id="b")
    EmptyOperator(task_id="a", dag=dag) >> lonely
    assert lonely.dag is dag and dag.task_ids == ["a", "b"]


def test_group_stands_for_its_first_and_last_tasks() -> None:
    with DAG("d") as dag:
        before, after = EmptyOperator(task_id="before"), EmptyOperator(task_id="after")
        with TaskGroup("g") as group:
            one, two, three = (EmptyOperator(task_id=name) for name in ("one", "two", "three"))
            one >> [two, three]
        before >> group >> after
    assert dag.task_ids == ["before", "after", "g.one", "g.two", "g.three"]
    assert one.upstream_task_ids == {"before"}
    assert after.upstream_task_ids == {"g.two", "g.three"}


def test_nested_group_ids_and_default_args() -> None:
    with DAG("d", default_args={"retries": 1, "owner": "dag"}), TaskGroup("a", default_args={"retries": 2}):
        with TaskGroup("b", prefix_group_id=False):
            task = EmptyOperator(task_id="t")
        with TaskGroup("c", default_args={"retries": 3}):
            other = EmptyOperator(task_id="t", owner="me")
    assert (task.task_id, task.retries, task.owner) == ("t", 2, "dag")
    assert (other.task_id, other.retries, other.owner) == ("a.c.t", 3, "me")


def test_group_id_that_is_taken() -> None:
    with DAG("d"):
        TaskGroup("g")
        with pytest.raises(DuplicateTaskIdFound):
            TaskGroup("g")
        assert TaskGroup("g", add_suffix_on_collision=True).group_id == "g__1"
        with pytest.raises(DuplicateTaskIdFound):
            EmptyOperator(task_id="g")


def test_label_lies_on_the_edge() -> None:
    with DAG("d") as dag:
        a, b, c = (EmptyOperator(task_id=name) for name in "abc")
        a >> Label("yes") >> [b, c]
    assert b.upstream_task_ids == {"a"}
    assert dag.get_edge_info("a", "c") == {"label": "yes"}


def test_setup_and_teardown_in_a_with_block() -> None:
    with DAG("d"):
        setup, teardown = EmptyOperator(task_id="s"), EmptyOperator(task_id="t")
        with teardown.as_teardown(setups=setup):
            work = EmptyOperator(task_id="w")
    assert setup.is_setup and teardown.is_teardown
    assert str(teardown.trigger_rule) == "all_done_setup_success"
    assert teardown.upstream_task_ids == {"s", "w"}
    assert isinstance(work, BaseOperator)


def test_setup_blocks_inside_each_other() -> None:
    with DAG("d") as dag:
        s, t, s2, t2 = (EmptyOperator(task_id=name) for name in ("s", "t", "s2", "t2"))
        with s.as_setup() >> t.as_teardown():
            a, b = EmptyOperator(task_id="a"), EmptyOperator(task_id="b")
            a >> b
            with s2.as_setup() >> t2.as_teardown():
                EmptyOperator(task_id="c")
    found = {up + ">" + task.task_id for task in dag.tasks for up in task.upstream_task_ids}
    assert found == {"s>t", "s2>t2", "s>a", "a>b", "b>t", "s>s2", "t2>t", "s2>c", "c>t2"}


def test_a_group_answers_for_its_neighbours_as_a_task_does() -> None:
    with DAG("d") as dag:
        with TaskGroup("g") as group:
            EmptyOperator(task_id="inner")
        EmptyOperator(task_id="a") >> group >> [EmptyOperator(task_id="b"), EmptyOperator(task_id="c")]
    assert (group.dag_id, group.has_dag(), group.log.name.rpartition(".")[2]) == ("d", True, "TaskGroup")
    assert group.upstream_list == group.get_direct_relatives(upstream=True) == [dag.get_task("a")]
    assert group.downstream_list == [dag.get_task("b"), dag.get_task("c")]
    assert group.get_direct_relative_ids() == {"b", "c"}
    assert (dag.task_count, dag.safe_dag_id) == (4, "d")


def test_inlets_and_outlets_are_added_after_the_task_was_made() -> None:
    task = EmptyOperator(task_id="t", outlets=["one"])
    task.add_outlets(["two"])
    task.add_inlets(["three"])
    assert (task.get_outlet_defs(), task.get_inlet_defs()) == (["one", "two"], ["three"])
