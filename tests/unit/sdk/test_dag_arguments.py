"""What DAG takes in each generation, and params."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.exceptions import ParamValidationError
from airflow.models import Param
from airflow.models.dag import DAG
from airflow.models.param import ParamsDict
from airflow.operators.bash import BashOperator
from airflow.operators.empty import EmptyOperator
from airflow.utils.task_group import TaskGroup

from .conftest import Bundle

HEAD = """
import datetime as dt
from airflow import DAG
from airflow.decorators import dag, task
from airflow.models import Param
from airflow.operators.bash import BashOperator
from airflow.operators.dummy import DummyOperator
"""

EVERYTHING = """
dag = DAG(
    "d", description="what", start_date=dt.datetime(2024, 1, 1), end_date=dt.datetime(2024, 2, 1),
    full_filepath="/x", default_view="graph", orientation="TB", concurrency=3, max_active_runs=2,
    template_searchpath="/t", template_undefined=None, user_defined_macros={}, user_defined_filters={},
    default_args={"owner": "me", "schedule_interval": "@daily", "nonsense": 1, "max_active_runs": 9},
    max_consecutive_failed_dag_runs=4, dagrun_timeout=dt.timedelta(hours=1), sla_miss_callback=print, catchup=False,
    on_success_callback=print, on_failure_callback=[print], doc_md="# doc", params={"a": 1},
    access_control={"one": {"can_read"}, "two": {"DAG Runs": ["can_create"], "DAGs": {"can_edit", "can_read"}}},
    is_paused_upon_creation=True, jinja_environment_kwargs={"keep_trailing_newline": True},
    render_template_as_native_obj=True, tags=["a", "b", "a"], owner_links={"me": "mailto:me@x"}, auto_register=False,
    dag_display_name="Shown", rerun_with_latest_version=True, disable_bundle_versioning=True,
    allowed_run_types=["manual", "scheduled"], {more})
DummyOperator("t", dag=dag)
"""


@pytest.mark.parametrize("more", ["schedule='@daily'", "schedule_interval='@daily'", "fail_stop=True"])
def test_every_argument_of_every_generation_is_taken(bundle: Bundle, generation: int, more: str) -> None:
    dag = bundle.dag(HEAD + EVERYTHING.replace("{more}", more))
    assert dag["tags"] == ["a", "b"] and dag["owners"] == ["me"] and dag["display_name"] == "Shown"
    assert (dag["max_active_tasks"], dag["max_active_runs"], dag["dagrun_timeout"]) == (3, 2, 3600.0)
    assert (dag["max_consecutive_failed_dag_runs"], dag["is_paused_upon_creation"]) == (4, True)
    assert dag["access_control"] == {
        "one": {"DAGs": ["can_read"]}, "two": {"DAG Runs": ["can_create"], "DAGs": ["can_edit", "can_read"]},
    }  # fmt: skip
    assert (dag["rerun_with_latest_version"], dag["disable_bundle_versioning"]) == (True, True)
    assert dag["allowed_run_types"] == ["manual", "scheduled"] and dag["fail_fast"] is ("fail_stop" in more)
    assert dag["has_sla_miss_callback"] and dag["owner_links"] == {"me": "mailto:me@x"}


def test_arguments_by_position_are_those_of_the_generation(bundle: Bundle, generation: int) -> None:
    schedule = {
        1: "'@hourly', dt.datetime(2024, 1, 1)",
        2: "'@hourly'",
        3: "'@hourly', dt.datetime(2024, 1, 1)",
    }
    dag = bundle.dag(f"{HEAD}dag = DAG('d', 'about', {schedule[generation]})\nDummyOperator('t', dag=dag)\n")
    assert (dag["description"], dag["timetable"]["summary"]) == ("about", "@hourly")
    assert dag["start_date"] == (None if generation == 2 else "2024-01-01T00:00:00+00:00")


def test_documentation_comes_from_a_file(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "about.md").write_text("# From a file")
    assert (
        bundle.dag(f"{HEAD}dag = DAG('d', doc_md={str(tmp_path / 'about.md')!r})")["doc_md"]
        == "# From a file"
    )
    assert bundle.dag(f"{HEAD}dag = DAG('d', doc_md='no/such.md')")["doc_md"] == "no/such.md"


@pytest.mark.parametrize(
    "arguments, words",
    [
        ("nonsense=1", "does not take nonsense"),
        ("default_args=[1]", "default_args is a list"),
        ("tags=['x' * 101]", "longer than 100"),
        ("owner_links={'me': 'nowhere'}", "is no URL"),
        ("schedule='@daily', params={'a': Param(type='string')}", "every param needs a default"),
        ("schedule='@daily', params={'a': Param(1, type='string')}", "1 is not of type string"),
        ("schedule='@daily', schedule_interval='@hourly'", "say different things"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(bundle: Bundle, arguments: str, words: str) -> None:
    assert words in bundle.parse(f"{HEAD}dag = DAG('d', {arguments})")["error"]


def test_dag_that_fails_fast_takes_no_other_trigger_rule(bundle: Bundle) -> None:
    source = "with DAG('d', fail_fast=True):\n    DummyOperator(task_id='t', trigger_rule='all_done')\n"
    assert "fails fast" in bundle.parse(HEAD + source)["error"]


def test_dags_of_loops_functions_and_nested_blocks(bundle: Bundle) -> None:
    dags = bundle.load(
        HEAD
        + """
for name in ("one", "two"):
    globals()[name] = DAG(name)
    DummyOperator(task_id="t", dag=globals()[name])
with DAG("outer") as outer:
    DummyOperator(task_id="a")
    with DAG("inner"):
        DummyOperator(task_id="b")
    DummyOperator(task_id="c")
with DAG("hidden", auto_register=False):
    pass
del outer
with DAG("hidden", auto_register=False):
    pass
@dag(schedule="@daily", params={"b": 2}, tags=["x"])
def written(a=1):
    DummyOperator(task_id="t")
for number in (1, 2):
    dag(dag_id=f"written_{number}")(written.__wrapped__)(a=number)
written()
"""
    )
    assert {dag_id: dag.task_ids for dag_id, dag in dags.items()} == {
        "one": ["t"], "two": ["t"], "outer": ["a", "c"], "inner": ["b"],
        "written_1": ["t"], "written_2": ["t"], "written": ["t"],
    }  # fmt: skip
    assert dags["written_2"].params.dump() == {"a": 2} and dags["written"].params.dump() == {"a": 1, "b": 2}


def test_two_dags_of_one_id_are_refused_with_their_places(bundle: Bundle) -> None:
    error = bundle.parse(HEAD + "with DAG('d'): pass\nwith DAG('d'): pass\n")["error"]
    assert "two DAGs have this id" in error and error.count("dag0.py:") >= 2


def test_seeds_of_old_files_parse(bundle: Bundle, generation: int) -> None:
    dag = bundle.dag(
        """
from datetime import datetime
from airflow import models
from airflow.operators.dummy_operator import DummyOperator
with models.DAG('my_dag', start_date=datetime(2016, 1, 1)) as dag:
    task_1 = DummyOperator('task_1')
    task_2 = DummyOperator('task_2')
    task_1 >> task_2
"""
    )
    assert dag["tasks"]["task_2"]["upstream"] == ["task_1"]


def test_part_of_a_dag(bundle: Bundle) -> None:
    (one,) = bundle.load(
        HEAD
        + "with DAG('d'):\n    a, b, c, x = map(DummyOperator, ['a', 'b', 'c', 'x'])\n    a >> b >> c\n    x >> c\n"
    ).values()
    part = one.partial_subset("b")
    assert part.task_ids == ["a", "b"] and part.get_task("b").downstream_task_ids == set()
    assert part.partial and one.get_task("b").downstream_task_ids == {"c"}
    assert one.partial_subset(["b"], include_upstream=False, include_downstream=True).task_ids == ["b", "c"]


def test_root_group_holds_what_is_in_no_group(bundle: Bundle) -> None:
    (one,) = bundle.load(
        HEAD
        + """
from airflow.utils.task_group import TaskGroup
with DAG('d') as d:
    DummyOperator('a')
    with TaskGroup("g") as g: DummyOperator('b')
    TaskGroup("h", parent_group=d.task_group)
    @d.task(task_id="c")
    def c(): ...
c()
"""
    ).values()
    assert sorted(one.task_group.children) == ["a", "c", "g", "h"]
    assert one["g"].get_task_dict().keys() == {"g.b"} and one["g"]["b"] is one["g.b"]


@pytest.mark.parametrize(
    "value, schema, problem",
    [
        (3, {"type": "integer", "minimum": 4}, "outside"),
        (1.0, {"type": "integer"}, None),
        (True, {"type": "integer"}, "not of type integer"),
        (None, {"type": ["null", "string"]}, None),
        (None, {"type": "string"}, "not of type string"),
        ("2024-01-01", {"type": "string", "format": "date"}, None),
        ("2024-1-1", {"format": "date"}, "is not a date"),
        ("2024-13-01", {"format": "date"}, "is not a date"),
        ("10:00:00", {"format": "time"}, None),
        ("10:00", {"format": "time"}, "is not a time"),
        ("2024-01-01T10:00:00Z", {"format": "date-time"}, None),
        ("tomorrow", {"format": "date-time"}, "is not a date-time"),
        ("text", {"format": "multiline", "title": "T", "section": "S", "examples": [1]}, None),
        ("b", {"enum": ["a", "c"], "values_display": {"a": "A"}}, "is not one of"),
        (True, {"enum": [1]}, "is not one of"),
        ([1, "a"], {"type": "array", "items": {"type": "integer"}}, "which is not of type integer"),
        ([1, 1], {"uniqueItems": True}, "twice"),
        ((1,), {"type": "array"}, "not of type array"),
        ({"a": 1}, {"type": "object", "required": ["b"]}, "lacks 'b'"),
        ({"a": 1}, {"properties": {"b": {}}, "additionalProperties": False}, "is not allowed"),
        ("x", {"anyOf": [{"type": "integer"}, {"minLength": 2}]}, "fits none of anyOf"),
        (5, {"oneOf": [{"type": "integer"}, {"minimum": 2}]}, "not exactly one of oneOf"),
        (5, {"exclusiveMaximum": 5}, "not between"),
        (5, {"multipleOf": 2}, "not a multiple"),
        (5, {"not": {"const": 5}}, "must not"),
    ],
)
def test_param_is_checked_by_its_schema(value: Any, schema: dict[str, Any], problem: str | None) -> None:
    param = Param(value, **schema)
    if problem is None:
        assert param.resolve() == value
        return
    with pytest.raises(ParamValidationError, match=problem):
        param.resolve()
    assert param.resolve(suppress_exception=True) is None


def test_params_as_users_hold_them() -> None:
    params = ParamsDict({"a": Param(1, "about", type="integer", title="A", source="dag"), "b": "x"})
    assert dict(params) == {"a": 1, "b": "x"} == params.dump() == params.validate() and params == {
        "a": 1,
        "b": "x",
    }
    assert [param.description for param in params.values()] == ["about", None]
    assert params.get_param("a").dump() == {
        "value": 1, "schema": {"type": "integer", "title": "A"}, "description": "about", "source": "dag",
    }  # fmt: skip
    with pytest.raises(ParamValidationError, match="'a': 'y' is not of type integer"):
        params["a"] = "y"
    params["b"], params["c"] = 2, Param(3)
    assert params.dump() == {"a": 1, "b": 2, "c": 3} and "c" in params
    with pytest.raises(ParamValidationError, match="no default"):
        ParamsDict({"a": Param()}).validate()


def test_task_in_a_group_is_shown_by_its_whole_id_unless_it_has_a_name():
    with DAG("d") as dag, TaskGroup("g"):
        EmptyOperator(task_id="plain")
        EmptyOperator(task_id="named", task_display_name="Shown")
        BashOperator.partial(task_id="spread").expand(bash_command=["a", "b"])
    shown = {task.task_id: task.task_display_name for task in dag.tasks}
    assert shown == {"g.plain": "g.plain", "g.named": "Shown", "g.spread": "g.spread"}
