"""Tries and trigger rules as 1.10 spells them."""
from datetime import datetime, timedelta

from airflow.exceptions import AirflowException
from airflow.models import DAG
from airflow.operators.dummy_operator import DummyOperator
from airflow.operators.python_operator import PythonOperator
from airflow.utils.trigger_rule import TriggerRule


def fail(**_):
    raise AirflowException("wanted")


def succeed_later(ti, **_):
    if ti.try_number < 2:
        raise ValueError("not yet")
    return ti.try_number


with DAG("gen1_failing", start_date=datetime(2024, 1, 1), schedule_interval=None) as dag:
    failing = PythonOperator(task_id="failing", python_callable=fail, retries=1, retry_delay=timedelta(0))
    flaky = PythonOperator(
        task_id="flaky", python_callable=succeed_later, provide_context=True, retries=3, retry_delay=timedelta(0)
    )
    for rule in (
        TriggerRule.ALL_SUCCESS,
        TriggerRule.ALL_FAILED,
        TriggerRule.ALL_DONE,
        TriggerRule.ONE_SUCCESS,
        TriggerRule.ONE_FAILED,
        TriggerRule.NONE_FAILED,
        TriggerRule.NONE_SKIPPED,
    ):
        task = DummyOperator(task_id="rule_%s" % str(getattr(rule, "value", rule)), trigger_rule=rule)
        [failing, flaky] >> task
