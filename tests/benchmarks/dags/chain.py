"""LENGTH tasks that do nothing, one after the other: what one hop costs."""

from datetime import datetime

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, chain
from bodies import nothing

DAG_ID = "chain"
LENGTH = 100

with DAG(DAG_ID, schedule=None, start_date=datetime(2023, 1, 1), catchup=False):
    chain(*[PythonOperator(task_id=f"t{index:04d}", python_callable=nothing) for index in range(LENGTH)])
