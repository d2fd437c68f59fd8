"""Plugins, their listeners and cluster policies, as a DAG file and its tasks see them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow import macros
from airflow._task import plugins
from airflow.listeners.manager import get_listener_manager

from .conftest import Bundle

PLUGIN = """
from airflow.listeners import hookimpl
from airflow.models import BaseOperator
from airflow.plugins_manager import AirflowPlugin

told = []

def shout(text):
    return text.upper()

class MyOperator(BaseOperator):
    pass

class Listener:
    @hookimpl
    def on_task_instance_running(self, previous_state, task_instance, session):
        told.append(("running", str(previous_state), task_instance.task_id))
    @hookimpl
    def on_task_instance_success(self, previous_state, task_instance):
        told.append(("success", str(previous_state), task_instance.task_id))
        raise RuntimeError("a listener's own trouble")
    @hookimpl
    def on_task_instance_failed(self, task_instance, error):
        told.append(("failed", repr(error), task_instance.state))
    @hookimpl
    def on_dag_run_failed(self, dag_run, msg):
        told.append((dag_run.run_id, msg))

class Link:
    name = "Wiki"

class MyPlugin(AirflowPlugin):
    name = "my_plugin"
    macros = [shout]
    listeners = [Listener()]
    operators = [MyOperator]
    global_operator_extra_links = [Link()]
"""
DAG = """
from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator
from airflow.operators.my_plugin import MyOperator
with DAG("d"):
    BashOperator(task_id="t", bash_command="echo {{ macros.my_plugin.shout('hi') }}")
    PythonOperator(task_id="bad", python_callable=lambda: 1 / 0, pool="p")
"""
POLICIES = """
from airflow.exceptions import AirflowClusterPolicyViolation
def task_policy(task):
    if task.pool == "forbidden":
        raise AirflowClusterPolicyViolation("no such pool, please")
    task.owner = "policy"
def dag_policy(dag):
    dag.tags = {"checked"}
def task_instance_mutation_hook(ti):
    if ti.task_id == "bad":
        ti.queue = "other"
def pod_mutation_hook(pod):
    return "mutated"
"""


@pytest.fixture(autouse=True)
def snapshot(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(bundle.path))
    yield
    plugins.load_plugins.cache_clear()
    get_listener_manager().clear()
    vars(macros).pop("my_plugin", None)
    for name in ("airflow_local_settings", "airflow.operators.my_plugin", "airflow.macros.my_plugin"):
        sys.modules.pop(name, None)


def test_plugin_brings_macros_listeners_operators_and_links(bundle: Bundle) -> None:
    bundle.write(PLUGIN, "plugins/my_plugin_file.py")
    bundle.write("class BrokenPlugin:\n    1 / 0\n", "plugins/broken.py")
    dag = bundle.dag(DAG)
    assert dag["run_listeners"] == ["failed"]
    assert dag["tasks"]["t"]["extra_links"] == ["Wiki"]
    dags = bundle.load(DAG)
    assert bundle.run(dags, "t")["xcoms"]["return_value"] == "HI"
    assert bundle.run(dags, "bad", max_tries=2)["state"] == "failed"
    callback = {"callback": {"id": 1, "kind": "run_listener", "reason": "why", "state": "failed"}}
    assert bundle.run(dags, "", extra=callback)["state"] == "success"
    assert sys.modules["my_plugin_file"].told == [
        ("running", "queued", "t"),
        ("success", "running", "t"),
        ("running", "queued", "bad"),
        ("failed", "ZeroDivisionError('division by zero')", "up_for_retry"),
        ("run1", "why"),
    ]


def test_plugins_of_installed_packages_are_found_by_their_files(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle.write(PLUGIN, "site/packaged.py")
    bundle.write(
        "[airflow.plugins]\nmine = packaged:MyPlugin\n\n[other]\nx = y:z\n",
        "site/m-1.dist-info/entry_points.txt",
    )
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    plugins.list_entry_points.cache_clear()
    try:
        dags = bundle.load(DAG)
        assert bundle.run(dags, "t")["xcoms"]["return_value"] == "HI"
    finally:
        plugins.list_entry_points.cache_clear()


def test_policies_change_and_refuse(bundle: Bundle) -> None:
    bundle.write(POLICIES, "airflow_local_settings.py")
    source = DAG.replace("from airflow.operators.my_plugin import MyOperator\n", "")
    dag = bundle.dag(source)
    assert (dag["tags"], dag["owners"]) == (["checked"], ["policy"])
    assert [dag["tasks"][name]["queue"] for name in ("t", "bad")] == ["default", "other"]
    error = bundle.parse(source.replace('pool="p"', 'pool="forbidden"'))["error"]
    assert "AirflowClusterPolicyViolation: no such pool, please" in error
    from airflow.settings import pod_mutation_hook

    assert pod_mutation_hook(None) == "mutated"


def test_weight_strategy_of_the_users_own_is_asked_when_parsed(bundle: Bundle) -> None:
    source = """
from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.task.priority_strategy import PriorityWeightStrategy
class Long(PriorityWeightStrategy):
    def get_weight(self, ti):
        return 10 * ti.priority_weight + len(ti.task_id) - ti.try_number
with DAG("d"):
    BashOperator(task_id="four", bash_command="true", weight_rule=Long(), priority_weight=2)
"""
    task = bundle.dag(source)["tasks"]["four"]
    assert (task["priority_weight"], task["weight_rule"]) == (24, "absolute")
