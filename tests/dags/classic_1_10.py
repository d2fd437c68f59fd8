"""What DAG files of 1.10 look like, leftovers included."""
from datetime import timedelta

import airflow
from airflow.models import DAG, Variable
from airflow.operators.bash_operator import BashOperator
from airflow.operators.dummy_operator import DummyOperator
from airflow.operators.python_operator import BranchPythonOperator, PythonOperator
from airflow.utils.dates import days_ago
from airflow.utils.helpers import chain
from airflow.utils.trigger_rule import TriggerRule

args = {
    "owner": "someone,other",
    "start_date": days_ago(2),
    "depends_on_past": False,
    "email": ["a@example.com"],
    "retries": 3,
    "retry_delay": timedelta(minutes=1),
    "provide_context": True,
    "schedule_interval": "@daily",
    "nonsense": 1,
}
dag = DAG(
    dag_id="classic_1_10",
    default_args=args,
    schedule_interval="@daily",
    concurrency=4,
    default_view="graph",
    orientation="LR",
    dagrun_timeout=timedelta(minutes=60),
)


def choose(**kwargs):
    return "left"


def show(ds, **kwargs):
    return kwargs["execution_date"].isoformat()


start = DummyOperator(task_id="start", dag=dag)
branch = BranchPythonOperator(task_id="branch", python_callable=choose, provide_context=True, dag=dag)
left = PythonOperator(task_id="left", python_callable=show, provide_context=True, dag=dag)
right = BashOperator(task_id="right", bash_command="echo right", dag=dag, xcom_push=True)
join = DummyOperator(task_id="join", trigger_rule="none_failed_or_skipped", dag=dag)
end = DummyOperator(task_id="end", trigger_rule=TriggerRule.ALL_DONE)

start.set_downstream(branch)
branch >> [left, right]
join << [left, right]
chain(join, end)
fallback = Variable.get("no_such_variable", default_var="fallback")
