"""Every minute, by cron; the second task fails at its first try and succeeds at its second.

`retries` says how often a failed task is tried again, `retry_delay` how long to wait before that.
"""

from datetime import datetime, timedelta

from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator


def flaky(ti):
    """Fails once in every run: the number of the try is part of the context."""
    if ti.try_number == 1:
        raise RuntimeError("the first try always fails; the next one will be fine")
    print(f"try {ti.try_number} worked")


with DAG(
    "cron_retry",
    schedule="*/1 * * * *",
    start_date=datetime(2024, 1, 1),
    catchup=False,  # only the latest minute, not every minute since 2024
    max_active_runs=1,
    tags=["example"],
) as dag:
    announce = BashOperator(task_id="announce", bash_command="echo run {{ run_id }} begins")

    unreliable = PythonOperator(
        task_id="unreliable",
        python_callable=flaky,
        retries=2,
        retry_delay=timedelta(seconds=2),
    )

    announce >> unreliable
