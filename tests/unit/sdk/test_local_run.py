"""`dag.test()`: one run here, with the engine's decisions."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

from airflow._task.local_rules import judge

from runner.domain.trigger_rules import RULES, Counts, evaluate

from .conftest import Bundle

HEAD = """
from airflow import DAG
from airflow.decorators import setup, task, teardown
from airflow.exceptions import AirflowRescheduleException, AirflowSkipException
from airflow.models import Variable
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import PythonOperator
"""


def load(bundle: Bundle, source: str) -> Any:
    (dag,) = bundle.load(HEAD + source).values()
    return dag


def test_rules_agree_with_the_engine() -> None:
    names = ("success", "failed", "skipped", "upstream_failed")
    cases = [(state, is_setup) for state in names for is_setup in (False, True)]
    for rule in RULES:
        for one in cases:
            for other in cases:
                counts = Counts(setups=one[1] + other[1])
                for state, is_setup in (one, other):
                    counts.add(state, 1, is_setup)  # type: ignore[arg-type]
                assert judge(rule, [one, other]) == evaluate(rule, counts, 2), (rule, one, other)


def test_retries_follow_at_once_and_the_last_one_counts(bundle: Bundle) -> None:
    dag = load(
        bundle,
        """
import datetime as dt
tries = []
with DAG("d") as d:
    @task(retries=2, retry_delay=dt.timedelta(days=1))
    def flaky(ti=None):
        tries.append(ti.try_number)
        if ti.try_number < 3: raise ValueError
    @task(retries=1)
    def broken(): raise ValueError
    flaky(), broken()
d.tries = tries
""",
    )
    run = dag.test()
    assert (run.state, run.states, dag.tries) == (
        "failed",
        {"flaky": "success", "broken": "failed"},
        [1, 2, 3],
    )


def test_task_that_is_called_again_lets_others_go_first(bundle: Bundle) -> None:
    dag = load(
        bundle,
        """
from airflow.utils.timezone import utcnow
done = []
with DAG("d") as d:
    @task
    def wait(ti=None):
        if "work" not in done: raise AirflowRescheduleException(utcnow())
        return ti.try_number
    @task
    def work(): done.append("work")
    wait() >> EmptyOperator(task_id="end")
    work()
""",
    )
    assert dag.test().states == {"work": "success", "wait": "success", "end": "success"}


def test_setup_that_fails_stops_the_work_and_spares_the_teardown(bundle: Bundle) -> None:
    dag = load(
        bundle,
        """
with DAG("d"):
    @setup
    def make(): raise ValueError
    @task(trigger_rule="all_done")
    def work(): ...
    @task
    def before(): ...
    @teardown
    def remove(): ...
    m, r = make(), remove()
    w = work()
    m >> before() >> w >> r
    m >> r
""",
    )
    assert dag.test().states == {
        "make": "failed", "before": "upstream_failed", "work": "upstream_failed", "remove": "upstream_failed",
    }  # fmt: skip


def test_teardown_does_not_decide_the_run_unless_it_says_so(bundle: Bundle) -> None:
    source = """
with DAG("d"):
    @task
    def work(): ...
    @teardown({arguments})
    def remove(): raise ValueError
    work() >> remove()
"""
    assert load(bundle, source.format(arguments="")).test().state == "success"
    strict = source.format(arguments="on_failure_fail_dagrun=True")
    assert load(bundle, strict).test().state == "failed"


def test_branch_inside_a_mapped_group_skips_its_own_index(bundle: Bundle) -> None:
    dag = load(
        bundle,
        """
from airflow.decorators import task_group
with DAG("d"):
    @task.branch
    def choose(x): return f"g.{x}"
    @task_group
    def g(x):
        choose(x) >> [EmptyOperator(task_id="a"), EmptyOperator(task_id="b")]
    g.expand(x=["a", "b"])
""",
    )
    states = dag.test().states
    assert {name: states[name] for name in ("g.a[0]", "g.b[0]", "g.a[1]", "g.b[1]")} == {
        "g.a[0]": "success", "g.b[0]": "skipped", "g.a[1]": "skipped", "g.b[1]": "success",
    }  # fmt: skip


def test_dates_conf_files_and_pattern_are_taken(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "variables.json").write_text(json.dumps({"word": "hello", "data": {"a": 1}}))
    (tmp_path / "connections.json").write_text(json.dumps({"db": "postgres://me:pw@host:1/base"}))
    dag = load(
        bundle,
        """
from airflow.hooks.base import BaseHook
seen = {}
with DAG("d", params={"n": 1}) as d:
    @task
    def look(params=None, ds=None, logical_date=None):
        conn = BaseHook.get_connection("db")
        seen.update(word=Variable.get("word"), data=Variable.get("data", deserialize_json=True), n=params["n"],
                    ds=ds, host=conn.host, login=conn.login)
    @task
    def slow(): raise ValueError
    look(), slow()
d.seen = seen
""",
    )
    run = dag.test(
        logical_date=dt.datetime(2024, 3, 4, tzinfo=dt.UTC),
        run_conf={"n": 5},
        conn_file_path=str(tmp_path / "connections.json"),
        variable_file_path=str(tmp_path / "variables.json"),
        mark_success_pattern="sl.*",
    )
    assert run.state == "success" and run.get_task_instance("slow").state == "success"
    assert dag.seen == {
        "word": "hello", "data": {"a": 1}, "n": 5, "ds": "2024-03-04", "host": "host", "login": "me",
    }  # fmt: skip


def test_callbacks_of_the_dag_are_called(bundle: Bundle) -> None:
    dag = load(
        bundle,
        """
said = []
with DAG("d", on_failure_callback=lambda c: said.append((c["reason"], c["dag_run"].run_id)),
         on_success_callback=lambda c: said.append("success")) as d:
    @task
    def bad(): raise ValueError
    bad()
d.said = said
""",
    )
    run = dag.test()
    assert dag.said == [("task_failure", run.run_id)]


def test_dag_that_fails_fast_skips_what_has_not_begun(bundle: Bundle) -> None:
    dag = load(
        bundle,
        """
with DAG("d", fail_fast=True):
    @task
    def bad(): raise ValueError
    bad()
    EmptyOperator(task_id="a") >> EmptyOperator(task_id="z")
""",
    )
    states = dag.test().states
    assert states["bad"] == "failed" and states["z"] == "skipped"


def test_sensors_deferrals_and_triggered_runs_happen_here(bundle: Bundle) -> None:
    dag = load(
        bundle,
        """
import datetime as dt
from airflow.models import BaseOperator
from airflow.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sensors.base import PokeReturnValue
from airflow.triggers.testing import FailureTrigger, SuccessTrigger
class Waits(BaseOperator):
    def __init__(self, trigger=SuccessTrigger, **kwargs):
        super().__init__(**kwargs)
        self.trigger = trigger
    def execute(self, context):
        self.defer(trigger=self.trigger(), method_name="go_on", kwargs={"word": "hello"})
    def go_on(self, context, word, event=None):
        return [word, event, context["ti"].map_index]
looks = []
with DAG("d") as d:
    @task.sensor(poke_interval=0.01, mode="reschedule")
    def look(ti=None):
        looks.append(ti.try_number)
        return PokeReturnValue(len(looks) > 2, {"found": len(looks)})
    @task
    def use(x, y, z): return [x, y, z]
    many = Waits.partial(task_id="many").expand(trigger=[SuccessTrigger, SuccessTrigger])
    use(look(), Waits(task_id="once").output, many.output) >> TriggerDagRunOperator(task_id="start", trigger_dag_id="e")
    Waits(task_id="bad", trigger=FailureTrigger)
d.looks = looks
""",
    )
    from airflow._task.local_comms import LocalComms, manual_run
    from airflow._task.local_steps import Steps

    comms = LocalComms("r", {})
    comms.facts = manual_run(dt.datetime(2024, 1, 1, tzinfo=dt.UTC), {})
    assert Steps(dag, comms).run() == "failed"
    assert comms.xcoms["use", -1, "return_value"] == [
        {"found": 3}, ["hello", True, -1], [["hello", True, 0], ["hello", True, 1]],
    ]  # fmt: skip
    assert comms.states["bad", -1] == "failed" and dag.looks == [1, 1, 1]
    assert [run["dag_id"] for run in comms.triggered] == ["e"]
