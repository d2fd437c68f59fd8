"""Runs in an environment's interpreter with real provider packages: their operators, and ours, in one DAG.

Prints the end state of every task as JSON. Connections come from AIRFLOW_CONN_*: h (http), lite (sqlite), a (aws).
"""

import datetime as dt
import json
from pathlib import Path

from airflow._task.local import run_dag
from airflow.operators.sqlite_operator import SqliteOperator
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.operators.s3 import (
    S3CopyObjectOperator,
    S3CreateBucketOperator,
    S3CreateObjectOperator,
    S3DeleteObjectsOperator,
    S3ListOperator,
)
from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.providers.common.sql.operators.sql import SQLCheckOperator, SQLExecuteQueryOperator
from airflow.providers.http.operators.http import HttpOperator, SimpleHttpOperator
from airflow.providers.http.sensors.http import HttpSensor
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import (
    BranchPythonOperator,
    PythonOperator,
    ShortCircuitOperator,
)
from airflow.providers.standard.sensors.python import PythonSensor
from airflow.sdk import DAG, Connection, ObjectStoragePath, task

DAY = dt.datetime(2024, 5, 6, tzinfo=dt.UTC)

with DAG("providers", schedule=None, start_date=DAY) as dag:
    web = {"http_conn_id": "h", "endpoint": "/day/{{ ds }}"}
    HttpOperator(task_id="http", method="GET", **web) >> HttpSensor(
        task_id="http_sensor", poke_interval=1, **web
    )
    SimpleHttpOperator(task_id="simple_http", method="GET", http_conn_id="h", endpoint="/")
    (
        SQLExecuteQueryOperator(task_id="sql_create", conn_id="lite", sql="create table t (a text)")
        >> SQLExecuteQueryOperator(
            task_id="sql_insert", conn_id="lite", sql=["insert into t values ('{{ ds }}')"]
        )
        >> SQLCheckOperator(
            task_id="sql_check", conn_id="lite", sql="select count(*) from t where a = '{{ ds }}'"
        )
        >> SqliteOperator(task_id="sqlite", sqlite_conn_id="lite", sql="select a from t")
    )
    BashOperator(task_id="bash", bash_command="test {{ ti.task_id }} = bash")
    PythonOperator(task_id="python", python_callable=lambda ds, ti: (ds, ti.task_id))
    BranchPythonOperator(task_id="branch", python_callable=lambda: "taken") >> [
        EmptyOperator(task_id="taken"),
        EmptyOperator(task_id="left"),
    ]
    ShortCircuitOperator(task_id="short", python_callable=lambda: False) >> EmptyOperator(task_id="cut_off")
    PythonSensor(task_id="python_sensor", python_callable=lambda: True, poke_interval=1)
    aws = {"aws_conn_id": "a"}

    @task
    def read() -> str:
        text = S3Hook("a").read_key("k/2024-05-06", "box")
        copy = ObjectStoragePath(f"file://{Path.cwd()}/copy.txt")
        copy.write_text(text)
        assert Connection.get("lite").get_hook().get_first("select a from t where 1 = 0") is None
        return copy.read_text()

    @task
    def check(found: str) -> None:
        assert found == "hello"

    made = S3CreateObjectOperator(
        task_id="s3_create", s3_bucket="box", s3_key="k/{{ ds }}", data="hello", **aws
    )
    copied = S3CopyObjectOperator(
        task_id="s3_copy",
        source_bucket_key="s3://box/k/{{ ds }}",
        dest_bucket_key="s3://box/c/{{ ds }}",
        **aws,
    )
    S3CreateBucketOperator(task_id="s3_bucket", bucket_name="box", **aws) >> made
    (
        made
        >> S3KeySensor(task_id="s3_sensor", bucket_name="box", bucket_key="k/*", wildcard_match=True, **aws)
        >> copied
    )
    copied >> S3ListOperator(task_id="s3_list", bucket="box", **aws)
    text = read()
    copied >> text
    check(text) >> S3DeleteObjectsOperator(task_id="s3_delete", bucket="box", prefix="c/", **aws)

if __name__ == "__main__":
    print(json.dumps({task_id: str(state) for task_id, state in run_dag(dag, DAY).states.items()}))
