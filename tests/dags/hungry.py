"""One task that wants all memory there is, beside others that want none."""

import time
from datetime import datetime

from airflow import DAG
from airflow.operators.python import PythonOperator


def eat():
    print("eating")
    held = []
    while True:
        held.append(bytearray(b"x") * (16 << 20))


def rest():
    time.sleep(4)
    print("rested")


with DAG("hungry", schedule=None, start_date=datetime(2024, 1, 1), catchup=False, is_paused_upon_creation=False):
    PythonOperator(task_id="eat", python_callable=eat)
    for number in range(3):
        PythonOperator(task_id=f"rest_{number}", python_callable=rest)
