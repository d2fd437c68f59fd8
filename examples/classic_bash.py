"""Three shell commands in a row, written the way it has been since Airflow 1.10.

Dates in double braces are templates: `{{ ds }}` is the day that a run is for.
"""

from datetime import datetime, timedelta

from airflow import DAG
from airflow.operators.bash_operator import BashOperator

default_args = {
    "owner": "demo",
    "start_date": datetime(2024, 1, 1),
    "retries": 1,
    "retry_delay": timedelta(seconds=5),
}

dag = DAG(
    "classic_bash",
    description="Fetch, count, say what was found",
    default_args=default_args,
    schedule_interval=None,  # runs when somebody asks
    catchup=False,
    tags=["example"],
)

fetch = BashOperator(
    task_id="fetch",
    bash_command='echo "fetching the numbers of {{ ds }}"; sleep 1; seq 1 5',
    dag=dag,
)

count = BashOperator(
    task_id="count",
    bash_command="seq 1 5 | wc -l",  # the last line that a command prints is its result
    dag=dag,
)

report = BashOperator(
    task_id="report",
    bash_command='echo "there were {{ ti.xcom_pull(task_ids=\'count\') }} numbers on {{ ds }}"',
    dag=dag,
)

fetch >> count >> report
