"""What a running task may ask, and what it is refused."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

import pytest
from airflow._wire import encoding
from airflow._wire.messages import CHILD_METHODS

from runner.api.execution import Refused, handle
from runner.api.execution.questions import METHODS
from runner.events import RunChanged, RunCreated


@dataclass(frozen=True)
class Info:
    attempt: str = "a" * 32
    dag_id: str = "demo"
    run_id: str = "r1"
    task_id: str = "a"
    map_index: int = -1
    try_number: int = 1


@pytest.fixture
def ask(demo):
    return lambda method, info=Info(), **params: handle(demo.context, info, method, params)


def test_every_question_of_the_wire_has_an_answer():
    assert METHODS.keys() == CHILD_METHODS.keys()


def test_xcom_goes_through_unchanged_and_only_its_own_task_writes(ask):
    value = encoding.to_plain({"when": (1, {2}), "d": b"x"})
    ask("set_xcom", key="k", value=value)
    assert ask("get_xcom", dag_id=None, run_id="r1", task_id="a", map_index=None, key="k") == {
        "found": True,
        "value": value,
    }
    missing = ask("get_xcom", dag_id="demo", run_id="r1", task_id="b", map_index=None, key="k")
    assert missing == {"found": False, "value": None}
    ask("set_xcom", info=Info(task_id="b"), key="k", value=2)
    where = {"dag_id": "demo", "run_id": "r1", "include_prior_dates": False, "map_indexes": None}
    assert ask("list_xcoms", task_ids=["b"], key="k", **where) == [
        {"task_id": "b", "map_index": -1, "value": 2}
    ]
    assert [row["task_id"] for row in ask("list_xcoms", task_ids=None, key=None, **where)] == ["a", "b"]
    ask("delete_xcom", key="k")
    assert [row["task_id"] for row in ask("list_xcoms", task_ids=None, key="k", **where)] == ["b"]


def test_xcoms_of_all_keys_come_as_they_were_left(demo):
    def ask(method, at, **params):
        return handle(replace(demo.context, clock=lambda: at), Info(), method, params)

    for at, key in enumerate("zam"):
        ask("set_xcom", 1000.0 + at, key=key, value=at)
    where = {"dag_id": "demo", "run_id": "r1", "include_prior_dates": False, "map_indexes": None}
    assert [row["value"] for row in ask("list_xcoms", 2000.0, task_ids=["a"], key=None, **where)] == [0, 1, 2]


def test_items_of_a_mapped_task_count_those_that_left_a_value(ask):
    for index in (2, 0):
        ask("set_xcom", info=Info(map_index=index), key="k", value=f"v{index}")
    where = {"dag_id": None, "run_id": "r1", "task_id": "a", "key": "k"}
    assert ask("get_xcom_item", offset=1, **where) == {"length": 2, "found": True, "value": "v2"}
    for outside in (2, -1):
        assert ask("get_xcom_item", offset=outside, **where) == {"length": 2, "found": False, "value": None}


def test_prior_dates_give_the_newest_value_no_later_than_the_run(demo, ask):
    for run_id, date in (("old", 100.0), ("older", 50.0), ("later", 4_000_000_000.0)):
        demo.put_run("demo", run_id, date)
        ask("set_xcom", info=Info(run_id=run_id), key="k", value=run_id)
    where = {"dag_id": "demo", "run_id": "r1", "task_ids": ["a"], "key": "k", "map_indexes": None}
    assert [row["value"] for row in ask("list_xcoms", include_prior_dates=True, **where)] == ["old"]
    assert ask("list_xcoms", include_prior_dates=False, **where) == []


def test_variables_and_connections_come_in_the_clear(demo, ask):
    ask("set_variable", key="password", value="open", description=None)
    assert ask("get_variable", key="password") == {"found": True, "value": "open"}
    ask("delete_variable", key="password")
    assert ask("get_variable", key="password") == {"found": False, "value": None}
    demo.call(
        "POST", "/connections", json={"connection_id": "c", "conn_type": "http", "password": "p", "port": 80}
    )
    found = ask("get_connection", conn_id="c")
    assert (found["found"], found["password"], found["port"]) == (True, "p", 80)
    assert ask("get_connection", conn_id="none") == {"found": False}


def test_run_facts_and_states(demo, ask):
    facts = ask("get_dag_run", dag_id="demo", run_id="r1")
    assert (facts["found"], facts["state"], facts["run_type"]) == (True, "failed", "manual")
    assert encoding.from_plain(facts["logical_date"]).timestamp() == pytest.approx(1_779_999_940)
    assert ask("get_dag_run", dag_id="demo", run_id="nope") == {"found": False}
    states = ask("get_task_states", dag_id="demo", run_id="r1", task_ids=None)
    assert states == {"a": "success", "b": "failed", "c": "upstream_failed"}
    demo.put_run("demo", "early", 1000.0)
    before = {"dag_id": "demo", "logical_date": "2026-05-28T20:25:40+00:00"}
    assert ask("get_previous_run", state=None, **before)["run_id"] == "early"
    assert ask("get_previous_run", state="success", **before) == {"found": False}


def test_trigger_makes_a_run_once_and_anew_when_told(demo, ask):
    params = {"dag_id": "demo", "run_id": "t", "logical_date": None, "conf": {"x": 1}}
    assert ask("trigger_dag_run", reset=False, **params) == {"run_id": "t", "created": True}
    assert demo.call("GET", "/dags/demo/dagRuns/t").json()["triggered_by"] == "operator"
    with pytest.raises(Refused, match="exists") as refusal:
        ask("trigger_dag_run", reset=False, **params)
    assert refusal.value.code == "exists"
    assert ask("trigger_dag_run", reset=True, **params) == {"run_id": "t", "created": False}
    assert [type(event) for event in demo.scheduler.events] == [RunCreated, RunChanged]
    with pytest.raises(Refused) as refusal:
        ask("trigger_dag_run", **{**params, "dag_id": "nope"})
    assert refusal.value.code == "not_found"


def test_trigger_takes_a_note_and_a_later_start_and_resets_the_run_of_its_date(ask, demo):
    date = "2026-05-01T00:00:00+00:00"
    params = {"dag_id": "demo", "logical_date": date, "run_after": "2026-07-01T00:00:00+00:00", "conf": {}}
    ask("trigger_dag_run", run_id="first", reset=False, note="why", **params)
    made = demo.call("GET", "/dags/demo/dagRuns/first").json()
    assert (made["note"], made["run_after"][:10], made["logical_date"][:10]) == (
        "why",
        "2026-07-01",
        date[:10],
    )
    assert (made["run_type"], made["triggered_by"]) == ("operator_triggered", "operator")
    again = ask("trigger_dag_run", run_id="second", reset=True, **params)
    assert again == {"run_id": "first", "created": False}


@pytest.fixture
def grouped(demo):
    """A DAG `other` of a, g.b and g.h.m (mapped), with runs at 100 and 200."""
    tasks = [
        {"task_id": "a", "group": None},
        {"task_id": "g.b", "group": "g"},
        {"task_id": "g.h.m", "group": "g.h"},
    ]
    groups = {"g": {"parent": None}, "g.h": {"parent": "g"}, "empty": {"parent": None}}
    demo.put_dag("other", tasks, task_groups=groups)
    runs = [demo.put_run("other", f"r{date}", date) for date in (100.0, 200.0)]
    for run, a, b in zip(runs, ("success", "failed"), ("success", "success"), strict=True):
        demo.set_task(run, "a", state=a, end_date=300.0)
        demo.set_task(run, "g.b", state=b, end_date=300.0)
    return demo


def test_counts_of_other_dags(grouped, ask):
    dates = [encoding.to_plain(dt.datetime.fromtimestamp(at, dt.UTC)) for at in (100, 200)]
    where = {"dag_id": "other", "logical_dates": dates}

    def count(**more):
        return ask("count_task_instances", **where, **more)

    assert count(task_ids=["a"], states=["success"]) == 1
    assert count(task_ids=["a", "g.b"], states=["success", "failed"]) == 4
    assert count(task_group_id="g", states=["success"]) == 2
    assert count(task_group_id="g", states=["null"]) == 2
    assert count(task_group_id="g", task_ids=["a"]) == 0
    assert count(task_group_id="empty") == 0
    assert count(map_index=3) == 0
    assert ask("count_task_instances", dag_id="demo", logical_dates=dates) == 0
    assert ask("count_dag_runs", **where, states=["queued"]) == 2
    assert ask("count_dag_runs", dag_id="other", run_ids=["r100.0"], states=["success"]) == 0
    expected = {"g.b": "success", "g.h.m": None}
    assert ask("list_task_states", **where, task_group_id="g") == {"r100.0": expected, "r200.0": expected}
    with pytest.raises(Refused, match="no_such") as refusal:
        count(task_group_id="no_such")
    assert refusal.value.code == "not_found"


def test_facts_of_another_dag(grouped, ask):
    facts = ask("get_dag", dag_id="other")
    assert facts == {
        "dag_id": "other",
        "is_paused": False,
        "is_stale": False,
        "task_ids": ["a", "g.b", "g.h.m"],
        "group_ids": ["empty", "g", "g.h"],
    }
    with pytest.raises(Refused) as refusal:
        ask("get_dag", dag_id="nope")
    assert refusal.value.code == "not_found"


def test_next_interval_follows_the_timetable(demo, ask):
    weekdays = {"kind": "cron", "expression": "0 0 * * 1-5", "timezone": "UTC", "interval": True}
    demo.put_dag("workday", [{"task_id": "a"}], timetable=weekdays)
    friday, monday = (dt.datetime(2026, 5, day, tzinfo=dt.UTC).timestamp() for day in (1, 4))
    demo.put_run("workday", "r", friday, interval_start=friday, interval_end=monday)
    found = ask("get_next_interval", dag_id="workday", run_id="r")
    assert encoding.from_plain(found["end"]).isoformat() == "2026-05-05T00:00:00+00:00"
    assert ask("get_next_interval", dag_id="demo", run_id="r1") == {"found": False}


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("count_dag_runs", {"dag_id": "demo", "logical_dates": "2026-05-01"}),
        ("count_dag_runs", {"dag_id": "demo", "logical_dates": [5]}),
        ("count_task_instances", {"dag_id": "demo", "states": "success"}),
        ("drop_tables", {}),
        ("get_variable", {}),
        ("get_variable", {"key": 1}),
        ("set_variable", {"key": "", "value": "x"}),
        ("set_xcom", {"key": "k" * 513, "value": 1}),
        ("list_xcoms", {"task_ids": "a", "key": "k"}),
        ("get_previous_run", {"logical_date": "soon"}),
        ("trigger_dag_run", {"dag_id": "demo", "run_id": "a b", "conf": {}}),
        ("trigger_dag_run", {"dag_id": "demo", "logical_date": "9999-01-01T00:00:00+00:00", "conf": {}}),
        ("trigger_dag_run", {"dag_id": "demo", "conf": [1]}),
    ],
)
def test_nonsense_is_refused_as_invalid(ask, method, params):
    with pytest.raises(Refused, match="cannot") as refusal:
        ask(method, **params)
    assert refusal.value.code == "invalid"


def test_runs_are_listed_by_what_dagrun_find_asks(demo, ask):
    for run_id, date in (("old", 100.0), ("older", 50.0)):
        demo.put_run("demo", run_id, date)
    nothing = dict.fromkeys(("dag_ids", "run_ids", "states", "run_types", "from", "until"))
    found = ask("list_dag_runs", **{**nothing, "dag_ids": ["demo"]})
    assert [run["run_id"] for run in found][:2] == ["older", "old"]
    until = {**nothing, "until": "1970-01-01T00:01:00+00:00"}
    assert [run["run_id"] for run in ask("list_dag_runs", **until)] == ["older"]
    assert [run["run_id"] for run in ask("list_dag_runs", **{**nothing, "run_ids": ["r1"]})] == ["r1"]
    assert ask("list_dag_runs", **{**nothing, "states": ["running"], "dag_ids": ["nope"]}) == []
    with pytest.raises(Refused, match="must be a date"):
        ask("list_dag_runs", **{**nothing, "from": "soon"})
