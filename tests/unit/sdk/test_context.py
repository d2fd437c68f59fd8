"""The template context: the union of three generations, as a table."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from .conftest import DAY, Bundle

HEAD = """
from datetime import datetime, timedelta
from airflow import DAG
from airflow.models import BaseOperator, Param
from airflow.operators.python import PythonOperator, get_current_context
class Echo(BaseOperator):
    template_fields = ("value",)
    def __init__(self, value=None, **kwargs):
        super().__init__(**kwargs)
        self.value = value
    def execute(self, context):
        return self.value
def upper(x): return x.upper()
"""


def render(bundle: Bundle, template: Any, dag: str = "", task: str = "", **changes: Any) -> Any:
    dags = bundle.load(f"{HEAD}dag = DAG('d', {dag})\nEcho(task_id='t', value={template!r}, dag=dag, {task})")
    word = bundle.run(dags, "t", **changes)
    assert word["state"] == "success", word["reason"]
    return word["xcoms"].get("return_value")


MANUAL = {"run_type": "manual", "data_interval_start": DAY, "data_interval_end": DAY}

TABLE = {
    "ds": "2024-05-06",
    "ds_nodash": "20240506",
    "ts": "2024-05-06T00:00:00+00:00",
    "ts_nodash": "20240506T000000",
    "ts_nodash_with_tz": "20240506T000000+0000",
    "logical_date": "2024-05-06 00:00:00+00:00",
    "execution_date": "2024-05-06 00:00:00+00:00",
    "execution_date.add(days=1).to_date_string()": "2024-05-07",
    "data_interval_start | ds": "2024-05-06",
    "data_interval_end | ts_nodash": "20240507T000000",
    "next_ds": "2024-05-07",
    "next_ds_nodash": "20240507",
    "next_execution_date | ds": "2024-05-07",
    "prev_ds": "2024-05-05",
    "prev_execution_date | ds_nodash": "20240505",
    "yesterday_ds": "2024-05-05",
    "yesterday_ds_nodash": "20240505",
    "tomorrow_ds": "2024-05-07",
    "tomorrow_ds_nodash": "20240507",
    "END_DATE": "2024-05-06",
    "run_id": "run1",
    "dag.dag_id": "d",
    "dag_run.run_id": "run1",
    "dag_run.run_type": "scheduled",
    "dag_run.execution_date | ds": "2024-05-06",
    "dag_run.external_trigger": "False",
    "task.task_id": "t",
    "ti.task_id": "t",
    "task_instance.try_number": "1",
    "ti.execution_date | ds": "2024-05-06",
    "try_number": "1",
    "task_instance_key_str": "d__t__20240506",
    "params": "{}",
    "test_mode": "False",
    "inlets": "[]",
    "macros.ds_add(ds, 5)": "2024-05-11",
    "macros.ds_add(ds, -6)": "2024-04-30",
    "macros.ds_format(ds, '%Y-%m-%d', '%d/%m/%y')": "06/05/24",
    "macros.datetime(2024, 1, 1)": "2024-01-01 00:00:00",
    "macros.timedelta(hours=1)": "1:00:00",
    "(execution_date - macros.timedelta(days=1)) | ds": "2024-05-05",
    "macros.dateutil.parser.parse('2024-02-01').month": "2",
    "macros.json.dumps({'a': 1})": '{"a": 1}',
    "0 <= macros.random() < 1": "True",
    "macros.yaml.safe_load('[1, 2]')": "[1, 2]",
    "macros.uuid.UUID(int=0)": "00000000-0000-0000-0000-000000000000",
    "conf.get('core', 'parallelism')": "32",
    "prev_start_date_success": "None",
    "prev_data_interval_end_success is none": "False",
    "var.value.get('nothing', 'else')": "else",
    "conn.get('nothing', 'else')": "else",
    "triggering_asset_events": "{}",
    "templates_dict": "None",
    "expanded_ti_count": "None",
}


def test_every_key_of_every_generation(bundle: Bundle, generation: int) -> None:
    rendered = render(bundle, [f"{{{{ {expression} }}}}" for expression in TABLE])
    assert dict(zip(TABLE, rendered, strict=True)) == TABLE


def test_run_by_hand_is_its_own_neighbour(bundle: Bundle) -> None:
    assert render(bundle, "{{ prev_ds }} {{ next_ds }}", run=MANUAL) == "2024-05-06 2024-05-06"


def test_without_a_logical_date_its_names_are_absent(bundle: Bundle) -> None:
    run = {"logical_date": None, "data_interval_start": None, "data_interval_end": None, "run_type": "manual"}
    assert (
        render(bundle, "{{ run_id }} {{ ds is defined }} {{ logical_date is defined }}", run=run)
        == "run1 False False"
    )


def test_previous_success_is_asked_for_only_when_used(bundle: Bundle) -> None:
    asked = []

    def answer(**params: Any) -> dict[str, Any]:
        asked.append(params)
        return {"found": True, "run_id": "run0", "start_date": (DAY - dt.timedelta(days=1)).isoformat()}

    bundle.comms._get_previous_run = answer  # type: ignore[method-assign]
    source = (
        f"{HEAD}dag = DAG('d')\nPythonOperator(task_id='t', dag=dag, python_callable=lambda **kw: len(kw))"
    )
    assert bundle.run(bundle.load(source), "t")["state"] == "success"
    assert asked == []
    assert render(bundle, "{{ prev_start_date_success | ds }}") == "2024-05-05"
    assert asked[0]["state"] == "success"


@pytest.mark.parametrize(
    "signature, arguments, expected",
    [
        ("ds", "", ["2024-05-06"]),
        ("x, ds", "op_args=[1]", [1, "2024-05-06"]),
        ("x, y=2", "op_kwargs={'x': '{{ ds }}'}", ["2024-05-06", 2]),
        ("ds", "op_kwargs={'ds': 'mine'}", ["mine"]),
        ("*, run_id", "", ["run1"]),
        ("params", "params={'a': 1}", [{"a": 1}]),
        ("templates_dict", "templates_dict={'d': '{{ ds }}'}", [{"d": "2024-05-06"}]),
        ("logical_date=None, nothing='kept'", "", ["2024-05-06 00:00:00+00:00", "kept"]),
    ],
)
def test_function_gets_what_it_names(
    bundle: Bundle, signature: str, arguments: str, expected: list[Any]
) -> None:
    source = f"""
def f({signature}):
    return [v if isinstance(v, (int, dict)) else str(v) for v in list(locals().values())]
dag = DAG('d')
PythonOperator(task_id='t', dag=dag, python_callable=f, {arguments})
"""
    word = bundle.run(bundle.load(HEAD + source), "t")
    assert word["xcoms"].get("return_value") == expected, word["reason"]


def test_var_keyword_gets_everything(bundle: Bundle) -> None:
    source = """
dag = DAG('d')
PythonOperator(task_id='t', dag=dag, op_kwargs={'own': 1}, python_callable=lambda **kw: sorted(kw))
"""
    names = set(bundle.run(bundle.load(HEAD + source), "t")["xcoms"]["return_value"])
    assert {
        "own",
        "ds",
        "ti",
        "dag_run",
        "execution_date",
        "next_ds",
        "params",
        "macros",
        "var",
        "conf",
    } <= names


def test_current_context_exists_in_a_task_only(bundle: Bundle) -> None:
    source = "dag = DAG('d')\nPythonOperator(task_id='t', dag=dag, python_callable=lambda: get_current_context()['ds'])"
    assert bundle.run(bundle.load(HEAD + source), "t")["xcoms"]["return_value"] == "2024-05-06"
    from airflow.exceptions import AirflowException
    from airflow.operators.python import get_current_context

    with pytest.raises(AirflowException, match="no task is running"):
        get_current_context()


@pytest.mark.parametrize("conf, expected", [({}, "1 b"), ({"n": 5}, "5 b"), ({"n": 5, "extra": 1}, "5 b")])
def test_params_dag_then_task_then_conf(bundle: Bundle, conf: dict[str, Any], expected: str) -> None:
    dag = "params={'n': Param(1, type='integer'), 'x': 'a'}"
    assert (
        render(bundle, "{{ params.n }} {{ params.x }}", dag, "params={'x': 'b'}", run={"conf": conf})
        == expected
    )


def test_conf_that_does_not_fit_fails_the_task(bundle: Bundle) -> None:
    dags = bundle.load(
        HEAD + "dag = DAG('d', params={'n': Param(1, type='integer')})\nEcho(task_id='t', dag=dag)"
    )
    word = bundle.run(dags, "t", run={"conf": {"n": "many"}})
    assert word["state"] == "failed" and "'n': 'many' is not of type integer" in word["reason"]


@pytest.mark.parametrize(
    "template, dag, expected",
    [
        ("{{ 'a' | upper_mine }}", "user_defined_filters={'upper_mine': upper}", "A"),
        ("{{ upper('a') }}", "user_defined_macros={'upper': upper}", "A"),
        ("{{ missing }}!", "template_undefined=__import__('jinja2').Undefined", "!"),
        (
            "[[ ds ]]",
            "jinja_environment_kwargs={'variable_start_string': '[[', 'variable_end_string': ']]'}",
            "2024-05-06",
        ),
        ("{{ [1, 2] }}", "render_template_as_native_obj=True", [1, 2]),
        ("{{ [1, 2] }}", "", "[1, 2]"),
        ("{{ params.n }}", "render_template_as_native_obj=True, params={'n': 3}", 3),
        ("plain\n", "", "plain"),
        ({"a": ["{{ ds }}", ("{{ run_id }}", 1)], 2: None}, "", None),
    ],
)
def test_rendering_options(bundle: Bundle, template: Any, dag: str, expected: Any) -> None:
    from airflow._wire import encoding

    found = encoding.from_plain(render(bundle, template, dag))
    if expected is None:
        expected = {"a": ["2024-05-06", ("run1", 1)], 2: None}
    assert found == expected


def test_undefined_name_fails_with_its_name(bundle: Bundle) -> None:
    dags = bundle.load(HEAD + "dag = DAG('d')\nEcho(task_id='t', value='{{ no_such_thing }}', dag=dag)")
    assert bundle.run(dags, "t")["reason"] == "UndefinedError: 'no_such_thing' is undefined"


def test_variables_and_connections_in_templates(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_DB", "postgres://me:secret@host:5432/base?sslmode=require")
    bundle.comms.variables.update({"plain": "text", "tree": '{"a": {"b": 7}}'})
    template = (
        "{{ var.value.plain }} {{ var.json.tree.a.b }} {{ conn.db.host }} {{ conn.db.extra_dejson.sslmode }}"
    )
    assert render(bundle, template) == "text 7 host require"


@pytest.mark.parametrize(
    "text",
    [
        "{{ ds }}",
        "a {{ds}} b {{ run_id }}{{  ts  }}\n",
        "{{ dag }} {{ params }}",
        "{{ expanded_ti_count }}",
        "{{ ds }} {{ ds | upper }}",
        "{{ 'ds' }}",
        "{{ ds",
        "}} ds",
        "{# {{ ds }} #}",
        "{% raw %}{{ ds }}{% endraw %}",
        "{{- ds -}} x",
        "{{ true }} {{ none }}",
        "{{ ds }}\n\n",
        "{ { ds } }",
        "{{{ ds }}}",
        "{{ {'a': 1}['a'] }}",
    ],
)
def test_the_short_way_renders_as_jinja_does(bundle: Bundle, text: str) -> None:
    def outcome(dag: str) -> tuple[str, Any, Any]:
        dags = bundle.load(f"{HEAD}dag = DAG('d', {dag})\nEcho(task_id='t', value={text!r}, dag=dag)")
        word = bundle.run(dags, "t")
        return word["state"], word["xcoms"], word["reason"]

    assert outcome("") == outcome("jinja_environment_kwargs={'autoescape': False}")


def test_rendered_fields_are_told_where_there_were_templates(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__MAX_TEMPLATED_FIELD_LENGTH", "60")
    source = """
from airflow import DAG
from airflow.models import BaseOperator
class Op(BaseOperator):
    template_fields = ("a", "b", "api_token")
    def __init__(self, a, b=None, api_token=None, **kwargs):
        super().__init__(**kwargs)
        self.a, self.b, self.api_token = a, b, api_token
    def execute(self, context):
        self.a = "changed since"
with DAG("d"):
    Op(task_id="plain", a="no template", b=["none"])
    Op(task_id="t", a={"day": "{{ ds }}"}, b=object(), api_token="{{ run_id }}")
    Op(task_id="long", a="{{ 'x' * 100 }}")
"""
    dags = bundle.load(source)
    assert "rendered" not in bundle.run(dags, "plain")["details"]
    shown = bundle.run(dags, "t")["details"]["rendered"]
    assert (shown["a"], shown["api_token"]) == ({"day": "2024-05-06"}, "***")
    assert shown["b"].startswith("<object object at")
    shown = bundle.run(dags, "long")["details"]["rendered"]["a"]
    assert shown.startswith("Truncated") and "x" * 60 in shown and "x" * 61 not in shown


@pytest.mark.parametrize(
    ("schedule", "day", "expected"),
    [
        ("'0 0 * * 1-5'", dt.datetime(2024, 5, 10, tzinfo=dt.UTC), "2024-05-09 2024-05-13"),
        ("'@monthly'", dt.datetime(2024, 3, 1, tzinfo=dt.UTC), "2024-02-01 2024-04-01"),
        (
            "__import__('datetime').timedelta(days=2)",
            dt.datetime(2024, 3, 1, tzinfo=dt.UTC),
            "2024-02-28 2024-03-03",
        ),
    ],
)
def test_dates_before_and_after_are_those_of_the_schedule(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, schedule: str, day: dt.datetime, expected: str
) -> None:
    monkeypatch.setenv("AERODROME_AIRFLOW_VERSION", "2.10.3")
    source = f"""
from airflow import DAG
from airflow.operators.bash import BashOperator
from pendulum import datetime
with DAG("d", schedule={schedule}, start_date=datetime(2024, 1, 1)):
    BashOperator(task_id="t", bash_command="echo {{{{ prev_ds }}}} {{{{ next_ds }}}}")
"""
    run = {"logical_date": day, "data_interval_start": day, "data_interval_end": day + dt.timedelta(days=3)}
    assert bundle.run(bundle.load(source), "t", run=run)["xcoms"]["return_value"] == expected


def test_a_function_that_takes_the_whole_context_asks_the_engine_nothing(bundle: Bundle) -> None:
    asked: list[str] = []
    ask = bundle.comms.ask
    bundle.comms.ask = lambda method, params: (asked.append(method), ask(method, params))[1]  # type: ignore[method-assign]
    source = "from airflow import DAG\nfrom airflow.operators.python import PythonOperator\n"
    source += (
        "with DAG('d'):\n    PythonOperator(task_id='t', python_callable=lambda **context: len(context))"
    )
    word = bundle.run(bundle.load(source), "t")
    assert (word["state"], asked) == ("success", [])
