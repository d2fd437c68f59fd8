"""Sensors in both modes, what is given up softly and what is not, deferral, and a DAG that starts another."""
import datetime

from airflow import DAG
from airflow.decorators import task
from airflow.operators.empty import EmptyOperator
from airflow.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sensors.base import PokeReturnValue
from airflow.sensors.python import PythonSensor
from airflow.sensors.time_delta import TimeDeltaSensor

START = datetime.datetime(2024, 1, 1)

with DAG("gen2_waiting", start_date=START, schedule=None) as dag:

    @task.sensor(poke_interval=0.1, timeout=30, mode="poke")
    def found_at_once():
        return PokeReturnValue(is_done=True, xcom_value="found")

    at_once = found_at_once()
    never = PythonSensor(task_id="never", python_callable=lambda: False, poke_interval=0.1, timeout=0.3)
    never_softly = PythonSensor(
        task_id="never_softly", python_callable=lambda: False, poke_interval=0.1, timeout=0.3, soft_fail=True
    )
    elapsed = TimeDeltaSensor(task_id="elapsed", delta=datetime.timedelta(0), poke_interval=0.1, mode="reschedule")
    at_once >> EmptyOperator(task_id="after_found")
    never >> EmptyOperator(task_id="after_never")
    never_softly >> EmptyOperator(task_id="after_softly")
    elapsed >> TriggerDagRunOperator(task_id="start_other", trigger_dag_id="gen2_started", conf={"word": "{{ dag.dag_id }}"})

with DAG("gen2_started", start_date=START, schedule=None) as other:
    EmptyOperator(task_id="started")
