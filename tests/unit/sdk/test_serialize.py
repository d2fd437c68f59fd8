"""The serialised DAG, and the defaults that changed between generations."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Bundle

DAGS = "from datetime import *\nfrom dateutil.relativedelta import relativedelta\nfrom airflow import DAG\n"


def timetable(bundle: Bundle, arguments: str) -> dict[str, Any]:
    return dict(
        bundle.dag(f"{DAGS}dag = DAG('d', start_date=datetime(2024, 1, 1), {arguments})")["timetable"]
    )


@pytest.mark.parametrize(
    "arguments, facts",
    [
        ("schedule=None", {"kind": "null", "summary": "None"}),
        ("schedule='@once'", {"kind": "once"}),
        ("schedule='@continuous', max_active_runs=1", {"kind": "continuous"}),
        ("schedule='@daily'", {"kind": "cron", "expression": "0 0 * * *", "summary": "@daily"}),
        (
            "schedule_interval='*/5 2-4 * jan,mar mon-fri'",
            {"kind": "cron", "expression": "*/5 2-4 * jan,mar mon-fri"},
        ),
        ("schedule=timedelta(minutes=90)", {"kind": "delta", "seconds": 5400.0, "summary": "1:30:00"}),
        ("schedule=relativedelta(months=1)", {"kind": "delta", "relative": {"months": 1}}),
    ],
)
def test_schedules(bundle: Bundle, generation: int, arguments: str, facts: dict[str, Any]) -> None:
    found = timetable(bundle, arguments)
    assert {**found, **facts} == found
    if found["kind"] in ("cron", "delta"):
        assert found["interval"] is (generation < 3)


@pytest.mark.parametrize(
    "expression, interval",
    [
        ("CronDataIntervalTimetable('0 1 * * *', 'Europe/Paris')", True),
        ("CronTriggerTimetable('0 1 * * *', timezone='Europe/Paris')", False),
    ],
)
def test_timetable_objects_keep_their_own_meaning(
    bundle: Bundle, generation: int, expression: str, interval: bool
) -> None:
    head = "from airflow.timetables.interval import *\nfrom airflow.timetables.trigger import *\n"
    for argument in ("schedule", "timetable"):
        dag = bundle.dag(f"{head}{DAGS}dag = DAG('d', {argument}={expression})")
        assert (dag["timetable"]["interval"], dag["timetable"]["timezone"]) == (interval, "Europe/Paris")


def test_defaults_by_generation(bundle: Bundle, generation: int) -> None:
    dag = bundle.dag(DAGS + "dag = DAG('d', start_date=datetime(2024, 1, 1))")
    assert dag["timetable"]["kind"] == ("delta" if generation < 3 else "null")
    assert dag["catchup"] is (generation < 3)
    assert (dag["max_active_runs"], dag["max_active_tasks"]) == (16, 16)


def test_configuration_over_generation(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__SCHEDULER__CATCHUP_BY_DEFAULT", "True")
    monkeypatch.setenv("AIRFLOW__SCHEDULER__CREATE_CRON_DATA_INTERVALS", "True")
    monkeypatch.setenv("AIRFLOW__CORE__MAX_ACTIVE_RUNS_PER_DAG", "3")
    dag = bundle.dag(DAGS + "dag = DAG('d', schedule='@daily')")
    assert (dag["catchup"], dag["timetable"]["interval"], dag["max_active_runs"]) == (True, True, 3)


@pytest.mark.parametrize(
    "date, zone, text",
    [
        ("datetime(2024, 1, 1)", "UTC", "2024-01-01T00:00:00+00:00"),
        ("pendulum.datetime(2024, 7, 1, tz='Europe/Paris')", "Europe/Paris", "2024-07-01T00:00:00+02:00"),
        ("datetime(2024, 1, 1, tzinfo=ZoneInfo('Asia/Seoul'))", "Asia/Seoul", "2024-01-01T00:00:00+09:00"),
        (
            "datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=9)))",
            "Etc/GMT-9",
            "2024-01-01T00:00:00+09:00",
        ),
        ("'2024-01-01'", "UTC", "2024-01-01T00:00:00+00:00"),
    ],
)
def test_start_date_and_zone(bundle: Bundle, date: str, zone: str, text: str) -> None:
    for arguments in (f"start_date={date}", f"default_args={{'start_date': {date}}}"):
        dag = bundle.dag(f"import pendulum\nfrom zoneinfo import ZoneInfo\n{DAGS}dag = DAG('d', {arguments})")
        assert (dag["timezone"], dag["start_date"]) == (zone, text)


def test_default_timezone_is_that_of_naive_dates(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__DEFAULT_TIMEZONE", "Asia/Seoul")
    dag = bundle.dag(DAGS + "dag = DAG('d', start_date=datetime(2024, 1, 1), schedule='@daily')")
    assert (dag["timezone"], dag["start_date"]) == ("Asia/Seoul", "2024-01-01T00:00:00+09:00")
    assert dag["timetable"]["timezone"] == "Asia/Seoul"


def test_facts_of_a_dag_and_its_tasks(bundle: Bundle) -> None:
    dag = bundle.dag(
        DAGS
        + """
from airflow.operators.bash import BashOperator
from airflow.operators.empty import EmptyOperator
from airflow.models import Param
with DAG("d", schedule=None, tags=["b", "a"], concurrency=4, dagrun_timeout=timedelta(hours=1), fail_stop=True,
         params={"n": Param(1, type="integer", description="how many"), "plain": "x"},
         on_failure_callback=print, doc_md="# Doc", description="about") as dag:
    a = EmptyOperator(task_id="a")
    watched = EmptyOperator(task_id="watched", on_success_callback=print)
    b = BashOperator(task_id="b", bash_command="true", retries=2, retry_delay=7, retry_exponential_backoff=True,
                     execution_timeout=timedelta(seconds=9), pool="p", pool_slots=2, priority_weight=5, owner="x,y",
                     wait_for_downstream=True, queue="q", max_retry_delay=timedelta(minutes=1))
    a >> [watched, b]
"""
    )
    assert (dag["tags"], dag["owners"], dag["max_active_tasks"]) == (["a", "b"], ["airflow", "x", "y"], 4)
    assert (dag["dagrun_timeout"], dag["fail_fast"], dag["has_on_failure_callback"]) == (3600.0, True, True)
    assert dag["params"]["n"] == {"value": 1, "schema": {"type": "integer"}, "description": "how many"}
    assert dag["params"]["plain"]["value"] == "x"
    tasks = dag["tasks"]
    assert [tasks[name]["noop"] for name in ("a", "watched", "b")] == [True, False, False]
    expected = {
        "operator": "BashOperator", "upstream": ["a"], "retries": 2, "retry_delay": 7.0, "max_retry_delay": 60.0,
        "retry_exponential_backoff": 2.0, "execution_timeout": 9.0, "pool": "p", "pool_slots": 2,
        "priority_weight": 5, "queue": "q", "wait_for_downstream": True, "depends_on_past": True,
        "template_fields": ["bash_command", "env", "cwd"], "trigger_rule": "all_success",
    }  # fmt: skip
    assert {**tasks["b"], **expected} == tasks["b"]


@pytest.mark.parametrize(("own", "found"), [(None, 90.0), (60, 60.0), (120, 90.0)])
def test_the_longest_delay_is_bounded_by_the_environment(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, own: int | None, found: float
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__MAX_TASK_RETRY_DELAY", "90")
    bound = "" if own is None else f", max_retry_delay=timedelta(seconds={own})"
    dag = bundle.dag(
        f"{DAGS}from airflow.operators.bash import BashOperator\n"
        f"with DAG('d', schedule=None) as dag:\n    BashOperator(task_id='t', bash_command='true'{bound})"
    )
    assert dag["tasks"]["t"]["max_retry_delay"] == found


def test_groups_and_labels(bundle: Bundle) -> None:
    dag = bundle.dag(
        DAGS
        + """
from airflow.operators.empty import EmptyOperator
from airflow.utils.task_group import TaskGroup
from airflow.utils.edgemodifier import Label
with DAG("d") as dag:
    a = EmptyOperator(task_id="a")
    with TaskGroup("g", tooltip="tip") as g:
        with TaskGroup("h"):
            t = EmptyOperator(task_id="t")
    a >> Label("go") >> g
"""
    )
    assert dag["tasks"]["g.h.t"]["group"] == "g.h" and dag["tasks"]["a"]["group"] is None
    assert dag["task_groups"]["g.h"]["parent"] == "g" and dag["task_groups"]["g"]["children"] == ["g.h"]
    assert (dag["task_groups"]["g.h"]["label"], dag["task_groups"]["g"]["tooltip"]) == ("h", "tip")
    assert dag["edge_labels"] == {"a": {"g.h.t": "go"}}


def test_schedules_that_contradict_are_refused(bundle: Bundle) -> None:
    result = bundle.parse(DAGS + "dag = DAG('d', schedule='@daily', schedule_interval='@hourly')")
    assert "say different things" in result["error"]


@pytest.mark.parametrize(
    "schedule", ["timedelta(0)", "timedelta(days=-1)", "'0 0 * *'", "'* * 32 * *'", "'0 0 * * bad'"]
)
def test_impossible_schedules_are_refused(bundle: Bundle, schedule: str) -> None:
    assert "cannot use" in bundle.parse(f"{DAGS}dag = DAG('d', schedule={schedule})")["error"]


def test_params_that_have_no_json_form_are_refused(bundle: Bundle) -> None:
    assert "cannot encode param p" in bundle.parse(f"{DAGS}dag = DAG('d', params={{'p': object()}})")["error"]


def test_subclass_of_empty_that_works_is_run(bundle: Bundle) -> None:
    dag = bundle.dag(
        DAGS
        + """
from airflow.operators.empty import EmptyOperator
class Works(EmptyOperator):
    def execute(self, context):
        return 1
class Idle(EmptyOperator):
    ui_color = "#fff"
with DAG("d") as dag:
    Works(task_id="works"), Idle(task_id="idle"), EmptyOperator(task_id="hooked", pre_execute=print)
"""
    )
    assert {name: task["noop"] for name, task in dag["tasks"].items()} == {
        "works": False,
        "idle": True,
        "hooked": False,
    }


def test_priority_strategy_of_a_users_own_weighs_each_task(bundle: Bundle) -> None:
    dag = bundle.dag(
        DAGS
        + """
from airflow.operators.empty import EmptyOperator
from airflow.task.priority_strategy import PriorityWeightStrategy
class ByName(PriorityWeightStrategy):
    def get_weight(self, ti):
        return len(ti.task_id) * ti.task.priority_weight
with DAG("d") as dag:
    EmptyOperator(task_id="abc", weight_rule=ByName(), priority_weight=2)
    EmptyOperator(task_id="abcde", weight_rule=ByName)
"""
    )
    found = {name: (task["priority_weight"], task["weight_rule"]) for name, task in dag["tasks"].items()}
    assert found == {"abc": (6, "absolute"), "abcde": (5, "absolute")}


def test_arrows_of_mapped_tasks_lead_to_the_dags_that_all_instances_share(bundle: Bundle) -> None:
    dag = bundle.dag(f"""{DAGS}
from airflow.operators.trigger_dagrun import TriggerDagRunOperator as Trigger
from airflow.sensors.external_task import ExternalTaskSensor as Sensor
class Linked(Trigger):
    @property
    def operator_extra_links(self):
        return self.anything
with DAG('d', schedule=None):
    Trigger.partial(task_id='same', trigger_dag_id='below').expand(conf=[{{}}, {{}}])
    Trigger.partial(task_id='various').expand(trigger_dag_id=['b', 'c'])
    Sensor.partial(task_id='waits', external_dag_id='above').expand(external_task_id=['x', 'y'])
    Linked.partial(task_id='linked').expand(trigger_dag_id=['b'])
""")
    found = {name: task["external"] for name, task in dag["tasks"].items()}
    assert found == {
        "same": [{"kind": "trigger", "dag_id": "below"}],
        "various": [],
        "waits": [{"kind": "sensor", "dag_id": "above", "task_id": None}],
        "linked": [],
    }
