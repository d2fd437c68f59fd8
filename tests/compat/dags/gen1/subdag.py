"""A DAG inside a DAG."""
from datetime import datetime

from airflow import DAG
from airflow.operators.dummy_operator import DummyOperator
from airflow.operators.subdag_operator import SubDagOperator

ARGS = {"owner": "compat", "start_date": datetime(2024, 1, 1)}


def inner(parent, child):
    dag = DAG("%s.%s" % (parent, child), default_args=ARGS, schedule_interval="@once")
    for number in range(2):
        DummyOperator(task_id="%s-task-%s" % (child, number), dag=dag)
    return dag


with DAG("gen1_subdag", default_args=ARGS, schedule_interval="@once") as dag:
    start = DummyOperator(task_id="start")
    section = SubDagOperator(task_id="section", subdag=inner("gen1_subdag", "section"))
    end = DummyOperator(task_id="end")
    start >> section >> end
