"""What a DAG file of 1.10 looks like: old paths, provide_context, XCom by hand, a branch, set_downstream."""
from datetime import timedelta

from airflow import DAG
from airflow.operators.bash_operator import BashOperator
from airflow.operators.dummy_operator import DummyOperator
from airflow.operators.python_operator import BranchPythonOperator, PythonOperator, ShortCircuitOperator
from airflow.utils.dates import days_ago

default_args = {
    "owner": "compat",
    "depends_on_past": False,
    "start_date": days_ago(2),
    "email_on_failure": False,
    "retries": 1,
    "retry_delay": timedelta(seconds=0),
    "schedule_interval": "ignored here",
}

dag = DAG(
    "gen1_classic",
    default_args=default_args,
    schedule_interval="@daily",
    catchup=False,
    concurrency=4,
    default_view="graph",
    user_defined_macros={"shout": lambda text: text.upper()},
    user_defined_filters={"twice": lambda text: text * 2},
)


def push(**context):
    context["ti"].xcom_push(key="answer", value={"number": 42, "words": ["a", "b"]})
    return context["params"]["greeting"]


def pull(ti, templates_dict, **kwargs):
    found = ti.xcom_pull(task_ids="push", key="answer")
    return [found["number"], ti.xcom_pull(task_ids="push"), templates_dict["said"]]


def choose(**kwargs):
    return "left"


start = DummyOperator(task_id="start", dag=dag)
pushing = PythonOperator(
    task_id="push", python_callable=push, provide_context=True, params={"greeting": "hello"}, dag=dag
)
pulling = PythonOperator(
    task_id="pull",
    python_callable=pull,
    provide_context=True,
    templates_dict={"said": "{{ shout('x') }}{{ 'y' | twice }}"},
    dag=dag,
)
branch = BranchPythonOperator(task_id="branch", python_callable=choose, provide_context=True, dag=dag)
left = BashOperator(task_id="left", bash_command="echo {{ params.word }}", params={"word": "left"}, dag=dag)
right = DummyOperator(task_id="right", dag=dag)
after_right = DummyOperator(task_id="after_right", dag=dag)
join = DummyOperator(task_id="join", trigger_rule="none_failed_or_skipped", dag=dag)
stop = ShortCircuitOperator(task_id="stop", python_callable=lambda: False, dag=dag)
never = DummyOperator(task_id="never", dag=dag)
never_either = DummyOperator(task_id="never_either", trigger_rule="all_done", dag=dag)

start.set_downstream([pushing, branch])
pushing >> pulling
branch >> [left, right]
after_right.set_upstream(right)
join << [left, after_right, pulling]
join >> stop >> never >> never_either
