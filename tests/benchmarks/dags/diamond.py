"""LAYERS layers of WIDTH tasks; each depends on two of the layer before."""

from datetime import datetime

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG
from bodies import nothing

DAG_ID = "diamond"
LAYERS = 100
WIDTH = 10

with DAG(DAG_ID, schedule=None, start_date=datetime(2023, 1, 1), catchup=False, max_active_tasks=16):
    above = []
    for layer in range(LAYERS):
        here = [
            PythonOperator(task_id=f"l{layer:03d}w{index:02d}", python_callable=nothing)
            for index in range(WIDTH)
        ]
        for index, step in enumerate(here):
            if above:
                [above[index], above[(index + 1) % WIDTH]] >> step
        above = here
