"""COUNT independent tasks that each sleep SECONDS, all at once: what a waiting process costs."""

from datetime import datetime, timedelta

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG
from bodies import sleep

DAG_ID = "sleepers"
COUNT = 200
SECONDS = 30
RETRIES = 0

with DAG(DAG_ID, schedule=None, start_date=datetime(2023, 1, 1), catchup=False, max_active_tasks=100000):
    for index in range(COUNT):
        PythonOperator(
            task_id=f"t{index:04d}",
            python_callable=sleep,
            op_args=[SECONDS],
            retries=RETRIES,
            retry_delay=timedelta(seconds=1),
        )
