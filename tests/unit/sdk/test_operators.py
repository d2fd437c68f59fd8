"""Arguments of operators: defaults, default_args on the way up, subclasses, and what no generation knows."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from airflow import DAG
from airflow.configuration import conf
from airflow.exceptions import AirflowException
from airflow.models import BaseOperator
from airflow.operators.bash import BashOperator
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import PythonOperator


class Base(BaseOperator):
    """With an argument of its own, and one of BaseOperator under another default."""

    def __init__(self, name: str, retries: int = 7, **kwargs: Any) -> None:
        super().__init__(retries=retries, **kwargs)
        self.name = name


class Derived(Base):
    """Changes an argument on the way up."""

    def __init__(self, suffix: str = "", **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "name": kwargs["name"] + suffix})


def test_default_args_reach_every_constructor() -> None:
    with DAG(
        "d", default_args={"name": "n", "owner": "me", "suffix": "!", "catchup": True, "schedule_interval": 1}
    ):
        plain, own = Base(task_id="a"), Base(task_id="b", name="other", retries=2)
        derived = Derived(task_id="c", name="x")
    assert (plain.name, plain.retries, plain.owner) == ("n", 7, "me")
    assert (own.name, own.retries) == ("other", 2)
    assert derived.name == "x!"


def test_nearest_default_args_win() -> None:
    with DAG("d", default_args={"retries": 1, "retry_delay": dt.timedelta(minutes=9)}):
        task = EmptyOperator(task_id="a", default_args={"retries": 2})
    assert (task.retries, task.retry_delay) == (2, dt.timedelta(minutes=9))


def test_positional_task_id() -> None:
    assert EmptyOperator("task_1").task_id == "task_1"
    assert BashOperator("b", bash_command="x").bash_command == "x"


def test_unknown_argument_by_generation(generation: int, caplog: pytest.LogCaptureFixture) -> None:
    if generation == 1:
        assert EmptyOperator(task_id="a", flavour=1).task_id == "a"
        assert "does not take flavour" in caplog.text
        return
    with pytest.raises(
        TypeError if generation == 3 else AirflowException, match="EmptyOperator does not take flavour"
    ):
        EmptyOperator(task_id="a", flavour=1)


def test_leftovers_of_1_10_are_dropped(generation: int) -> None:
    task = PythonOperator(
        task_id="a", python_callable=print, provide_context=True, task_concurrency=3, resources={"cpus": 1}
    )
    assert task.max_active_tis_per_dag == 3
    assert not hasattr(task, "provide_context")


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"trigger_rule": "sometimes"}, "cannot use the trigger rule 'sometimes'"),
        ({"weight_rule": "heavy"}, "cannot use the weight rule 'heavy'"),
        ({"retries": "often"}, "retries is 'often'"),
        ({"pool_slots": 0}, "pool_slots is 0"),
        ({"task_id": "a b"}, "'a b' as an id"),
        ({"task_id": "x" * 251}, "longer than 250"),
        ({"start_date": 5}, "cannot use 5 as start_date"),
    ],
)
def test_wrong_values_are_named(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(AirflowException, match=words):
        EmptyOperator(**{"task_id": "a", **arguments})


@pytest.mark.parametrize(
    "given, kept",
    [
        ("dummy", "always"),
        ("none_failed_or_skipped", "none_failed_min_one_success"),
        ("all_done", "all_done"),
    ],
)
def test_trigger_rules_of_all_generations(given: str, kept: str) -> None:
    assert EmptyOperator(task_id="a", trigger_rule=given).trigger_rule == kept


def test_configuration_gives_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__DEFAULT_TASK_RETRIES", "4")
    monkeypatch.setenv("AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY", "11")
    monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_QUEUE", "slow")
    task = EmptyOperator(task_id="a")
    assert (task.retries, task.retry_delay.total_seconds(), task.queue) == (4, 11, "slow")


def test_options_are_found_under_the_names_that_they_once_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__LOGGING__REMOTE_LOG_CONN_ID", "s3")
    monkeypatch.setenv("AIRFLOW_HOME", "/home/af")
    assert conf.get("core", "REMOTE_LOG_CONN_ID") == "s3"
    assert conf.get("core", "base_log_folder") == "/home/af/logs"
    assert conf.get("kubernetes", "NAMESPACE") == "default"


def test_constructor_that_forgets_its_parent_is_refused() -> None:
    class Forgetful(BaseOperator):
        def __init__(self, **kwargs: Any) -> None:
            self.x = 1

    with pytest.raises(AirflowException, match=r"does not call super\(\).__init__"):
        Forgetful(task_id="a")


def test_mixins_go_with_operators() -> None:
    from airflow.models.skipmixin import SkipMixin
    from airflow.utils.log.logging_mixin import LoggingMixin

    class Mixed(BaseOperator, SkipMixin, LoggingMixin):
        pass

    assert Mixed(task_id="a").task_type == "Mixed"
