"""What is called when a deadline or an SLA was missed."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Bundle

DEADLINES = """
from datetime import timedelta
from airflow.sdk import DAG, AsyncCallback, BaseNotifier, DeadlineAlert, DeadlineReference, SyncCallback
from airflow.operators.empty import EmptyOperator
calls = []
def plain(text):
    calls.append(text)
async def awaited(text, context):
    calls.append((text, context["dag_run"].run_id, context["deadline"]["alert_name"]))
class Note(BaseNotifier):
    def __init__(self, text):
        self.text = text
    def notify(self, context):
        calls.append((self.text, context["deadline"]["deadline_time"].year))
def alert(callback, name=None):
    return DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, timedelta(minutes=1), callback, name)
with DAG("d", schedule=None, deadline=[
    alert(SyncCallback(plain, {"text": "a"})),
    alert(AsyncCallback(awaited, {"text": "b"}), "second"),
    alert(SyncCallback(Note, {"text": "c"})),
]) as dag:
    dag.calls = calls
    EmptyOperator(task_id="t")
"""


def call(bundle: Bundle, source: str, **wanted: Any) -> list[Any]:
    dags = bundle.load(source)
    facts = {"id": 1, "state": "running", "reason": "late", **wanted}
    word = bundle.run(dags, "t", extra={"callback": facts})
    assert word["state"] == "success", word["reason"]
    return list(dags["d"].calls)


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, "a"), (1, ("b", "run1", "second")), (2, ("c", 1970))],
    ids=["plain", "async", "class"],
)
def test_a_deadline_calls_a_function_a_coroutine_or_a_notifier(
    bundle: Bundle, number: int, expected: Any
) -> None:
    assert call(bundle, DEADLINES, kind="deadline", number=number, at=5.0) == [expected]


def test_deadlines_are_on_the_wire(bundle: Bundle) -> None:
    found = bundle.dag(DEADLINES)["deadlines"]
    assert [(item["name"], item["interval"], item["reference"]) for item in found] == [
        ("deadline 0", 60.0, {"kind": "queued_at"}),
        ("second", 60.0, {"kind": "queued_at"}),
        ("deadline 2", 60.0, {"kind": "queued_at"}),
    ]


SLAS = """
from datetime import timedelta
from airflow import DAG
from airflow.operators.bash import BashOperator
calls = []
def missed(dag, task_list, blocking_task_list, slas, blocking_tis):
    calls.append((dag.dag_id, task_list.partition(" ")[0], [s.task_id for s in slas], blocking_tis))
with DAG("d", sla_miss_callback=missed) as dag:
    dag.calls = calls
    BashOperator(task_id="t", bash_command="true", sla=timedelta(minutes=5))
"""


def test_slas_are_told_together(bundle: Bundle) -> None:
    assert call(bundle, SLAS, kind="sla_miss", tasks=[["t", 5.0]]) == [("d", "t", ["t"], [])]


@pytest.mark.parametrize(("version", "sla"), [("2.10.3", 300.0), ("3.3.2", None)])
def test_an_sla_is_a_thing_of_1_and_2(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, version: str, sla: float | None
) -> None:
    monkeypatch.setenv("AERODROME_AIRFLOW_VERSION", version)
    assert bundle.dag(SLAS)["tasks"]["t"]["sla"] == sla


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    ("value", "wanted"), [("90", 90.0), ("soon", "must be an integer"), (None, "not found")]
)
def test_interval_of_a_deadline_may_be_a_variable(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, value: str | None, wanted: float | str
) -> None:
    if value is not None:
        monkeypatch.setenv("AIRFLOW_VAR_PATIENCE", value)
    result = bundle.parse(
        "from airflow.sdk import DAG, DeadlineAlert, DeadlineReference, SyncCallback, VariableInterval\n"
        "def late(): ...\n"
        "alert = DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, VariableInterval('patience'), SyncCallback(late))\n"
        "with DAG('d', schedule=None, deadline=alert): ...\n"
    )
    (item,) = result["dags"][0]["deadlines"]
    if isinstance(wanted, float):
        assert (item["interval"], result["warnings"]) == (wanted, [])
    else:
        assert (item["interval"], result["error"]) == (None, None)
        assert wanted in item["fault"] and [wanted in line for line in result["warnings"]] == [True]


REFERENCES = """
from datetime import datetime, timedelta, timezone
from airflow.sdk import DAG, BaseDeadlineReference, DeadlineAlert, DeadlineReference, SyncCallback, deadline_reference

@deadline_reference
class Named(BaseDeadlineReference):
    required_kwargs = {"run_id"}
    def _evaluate_with(self, *, session, run_id):
        return datetime(2030, 1, 1) if run_id == "run1" else None

@deadline_reference(DeadlineReference.TYPES.DAGRUN_QUEUED)
class Nothing(BaseDeadlineReference):
    def _evaluate_with(self, *, session, **kwargs):
        assert kwargs == {}
        return None

class Querying(BaseDeadlineReference):
    def _evaluate_with(self, *, session, **kwargs):
        return session.query("DagRun").first().queued_at

class Greedy(BaseDeadlineReference):
    required_kwargs = {"team"}
    def _evaluate_with(self, *, session, team):
        return None

def late(): ...
found = [DeadlineReference.Named, DeadlineReference.Nothing, Querying(), Greedy()]
with DAG("d", schedule=None, deadline=[DeadlineAlert(one, timedelta(minutes=1), SyncCallback(late)) for one in found]):
    from airflow.operators.empty import EmptyOperator
    EmptyOperator(task_id="t")
"""


def test_reference_of_the_users_own_is_on_the_wire_as_one_to_be_asked(bundle: Bundle) -> None:
    assert [item["reference"] for item in bundle.dag(REFERENCES)["deadlines"]] == [{"kind": "own"}] * 4
    silent = REFERENCES.replace("Greedy()", "BaseDeadlineReference()")
    assert "does not define _evaluate_with" in bundle.parse(silent)["error"]


@pytest.mark.parametrize(
    ("number", "state", "said"),
    [
        (0, "success", 1893456000.0),
        (1, "success", None),
        (2, "failed", "cannot use session.query"),
        (3, "failed", "Greedy is missing required parameters: team"),
    ],
)
def test_reference_of_the_users_own_says_when_a_deadline_of_a_run_begins(
    bundle: Bundle, number: int, state: str, said: float | str | None
) -> None:
    facts = {"id": 1, "kind": "deadline_reference", "state": "queued", "reason": "made", "number": number}
    word = bundle.run(bundle.load(REFERENCES), "t", extra={"callback": facts})
    assert word["state"] == state
    if state == "success":
        assert word["details"] == {"reference_at": said}
    else:
        assert str(said) in word["reason"]
