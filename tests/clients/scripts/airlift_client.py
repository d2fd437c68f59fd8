"""dagster-airlift: a web login token, the form, the cookie, and REST v1 with it."""

import datetime as dt
import sys

import boto3
from dagster_airlift.core import AirflowInstance
from dagster_airlift.mwaa import MwaaSessionAuthBackend

backend = MwaaSessionAuthBackend(mwaa_client=boto3.client("mwaa"), env_name=sys.argv[1])
airflow = AirflowInstance(auth_backend=backend, name="ours")
assert [dag.dag_id for dag in airflow.list_dags()] == ["quick"]
assert [task.task_id for task in airflow.get_task_infos(dag_id="quick")] == ["say"]
assert airflow.get_task_info(dag_id="quick", task_id="say").task_id == "say"
run_id = airflow.trigger_dag("quick", logical_date=dt.datetime(2024, 5, 1, tzinfo=dt.UTC))
airflow.wait_for_run_completion("quick", run_id, timeout=30)
assert airflow.get_run_state("quick", run_id) == "success"
assert airflow.get_task_instance("quick", "say", run_id).state == "success"
end = dt.datetime.now(dt.UTC)
runs, total = airflow.get_dag_runs_batch(
    dag_ids=["quick"], end_date_gte=end - dt.timedelta(hours=1), end_date_lte=end, offset=0
)
assert total >= 1 and run_id in {run.run_id for run in runs}
tasks = airflow.get_task_instance_batch(dag_id="quick", task_ids=["say"], run_id=run_id, states=["success"])
assert [task.task_id for task in tasks] == ["say"]
assert "hello" in airflow.get_task_instance_logs("quick", "say", run_id, 1)
airflow.list_variables()
airflow.get_all_datasets(batch_size=10)
