"""One task, then WIDTH at once (16 in flight), then one that waits for all of them."""

from datetime import datetime

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG
from bodies import nothing

DAG_ID = "fan"
WIDTH = 998

with DAG(DAG_ID, schedule=None, start_date=datetime(2023, 1, 1), catchup=False, max_active_tasks=16):
    first = PythonOperator(task_id="first", python_callable=nothing)
    last = PythonOperator(task_id="last", python_callable=nothing)
    (
        first
        >> [PythonOperator(task_id=f"t{index:04d}", python_callable=nothing) for index in range(WIDTH)]
        >> last
    )
