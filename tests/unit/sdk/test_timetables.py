"""Timetables of DAG files: what the engine is told of them, and those of users, which are asked."""

from __future__ import annotations

import datetime as dt
import textwrap
from typing import Any

import pendulum
import pytest
from airflow import DAG
from airflow._task.consult import consult
from airflow.exceptions import AirflowTimetableInvalid
from airflow.timetables.base import DataInterval, TimeRestriction
from airflow.timetables.choose import timetable_for
from airflow.timetables.cron import expand
from airflow.timetables.events import EventsTimetable
from airflow.timetables.interval import CronDataIntervalTimetable, DeltaDataIntervalTimetable
from airflow.timetables.simple import ContinuousTimetable, OnceTimetable
from airflow.timetables.trigger import (
    CronTriggerTimetable,
    DeltaTriggerTimetable,
    MultipleCronTriggerTimetable,
)
from dateutil.relativedelta import MO, relativedelta

from runner.domain.timetables import infer_manual_interval, next_run
from tests.unit.sdk.conftest import Bundle

ZONE = "America/New_York"
DAY = dt.timedelta(days=1)
EVENTS = [pendulum.datetime(2026, 3, day) for day in (9, 7, 8)]


@pytest.mark.parametrize(
    ("table", "wire"),
    [
        (
            CronTriggerTimetable("0 3 * * *", timezone=ZONE, interval=DAY),
            {"length": 86400.0, "timezone": ZONE},
        ),
        (
            CronTriggerTimetable("0 3 * * *", run_immediately=dt.timedelta(minutes=5)),
            {"run_immediately": 300.0},
        ),
        (CronTriggerTimetable("@daily", interval=relativedelta(months=1)), {"length": {"months": 1}}),
        (DeltaTriggerTimetable(DAY, interval=DAY), {"seconds": 86400.0, "length": 86400.0}),
        (DeltaDataIntervalTimetable(relativedelta(weeks=1)), {"relative": {"days": 7}, "interval": True}),
        (
            DeltaDataIntervalTimetable(relativedelta(days=1, weekday=MO(1))),
            {"relative": {"days": 1, "weekday": [0, 1]}},
        ),
        (
            MultipleCronTriggerTimetable("@daily", "0 6 * * *", timezone=ZONE),
            {"expressions": ["0 0 * * *", "0 6 * * *"]},
        ),
        (EventsTimetable(EVENTS), {"dates": [f"2026-03-0{day}T00:00:00+00:00" for day in (7, 8, 9)]}),
        (
            CronDataIntervalTimetable("0 0 * * *", pendulum.timezone(ZONE)),
            {"timezone": ZONE, "interval": True},
        ),
    ],
)
def test_wire_says_all_that_the_engine_needs(table: Any, wire: dict[str, Any]) -> None:
    found = table.to_wire("UTC")
    assert {key: found.get(key) for key in wire} == wire
    revived = type(table).deserialize(table.serialize())
    same = revived.to_wire("UTC")
    assert {key: same.get(key) for key in wire} == wire


TABLES = [
    CronDataIntervalTimetable("30 2 * * *", ZONE),
    CronDataIntervalTimetable("0 * * * *", ZONE),
    CronTriggerTimetable("15,45 1,2 * * *", timezone=ZONE),
    CronTriggerTimetable("0 3 * * *", timezone=ZONE, interval=DAY),
    MultipleCronTriggerTimetable("0 0 * * *", "30 2 * * *", timezone=ZONE),
    DeltaDataIntervalTimetable(relativedelta(months=1)),
    DeltaTriggerTimetable(dt.timedelta(hours=36)),
    EventsTimetable(EVENTS, restrict_to_events=True),
    OnceTimetable(),
]


@pytest.mark.parametrize("table", TABLES, ids=repr)
def test_timetable_that_users_build_on_answers_as_the_engine_does(table: Any) -> None:
    start, last, interval = pendulum.datetime(2026, 3, 7, 5), None, None
    for _ in range(6):
        info = table.next_dagrun_info(
            last_automated_data_interval=interval, restriction=TimeRestriction(start, None, True)
        )
        ours = next_run(table.to_wire("UTC"), last, start.timestamp(), None, True, 0.0)
        if info is None:
            assert ours is None
            return
        interval = DataInterval(*info.data_interval)
        last = (interval.start.timestamp(), interval.end.timestamp())
        assert ours is not None
        assert (*last, info.run_after.timestamp()) == (ours.interval_start, ours.interval_end, ours.run_after)
    moment = pendulum.datetime(2026, 3, 8, 7, 30)
    manual = table.infer_manual_data_interval(run_after=moment)
    assert infer_manual_interval(table.to_wire("UTC"), moment.timestamp()) == tuple(
        x.timestamp() for x in manual
    )


@pytest.mark.parametrize(
    "expression",
    [
        "0 0 L * *",
        "0 9 * * 1#1",
        "0 9 * * L5",
        "0 9 * * 5L",
        "0 0 15W * *",
        "*/5 * * * * 30",
        "0 0 1 JAN,JUL *",
        "0 0 * * MON-FRI",
        "0 0 1-L * *",
        "R R * * *",
        "0 0 * * 1 0 2026",
        "0 22 * * 5-1",
    ],
)
def test_every_dialect_of_cron_is_taken(expression: str) -> None:
    assert expand(expression) == expression


@pytest.mark.parametrize(
    "expression",
    [
        "* * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "* * * * MON#6",
        "@sometimes",
        "*/0 * * * *",
        "a * * * *",
    ],
)
def test_what_is_no_cron_is_refused(expression: str) -> None:
    with pytest.raises(AirflowTimetableInvalid, match="cannot use"):
        expand(expression)


def test_continuous_dag_with_several_runs_at_once_is_refused(bundle: Bundle) -> None:
    source = "from airflow.sdk import DAG\nDAG('d', schedule='@continuous', max_active_runs={})"
    assert "max_active_runs" in bundle.parse(source.format(2))["error"]
    assert bundle.parse(source.format(1))["error"] is None
    assert ContinuousTimetable().to_wire("UTC")["kind"] == "continuous"


def test_offset_of_half_an_hour_is_a_zone(bundle: Bundle) -> None:
    zone = dt.timezone(dt.timedelta(hours=5, minutes=30))
    assert timetable_for("@daily", zone).to_wire("+05:30")["timezone"] == "+05:30"


WORKDAYS = textwrap.dedent(
    """
    from datetime import datetime, timedelta
    from pendulum import DateTime, Time, UTC
    from airflow.sdk import DAG
    from airflow.operators.empty import EmptyOperator
    from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable

    class AfterWorkday(Timetable):
        description = "After each workday, at {hour}"
        def __init__(self, hour=0):
            self.hour = hour
            self.calls = 0
        def serialize(self):
            return {{"hour": self.hour}}
        @classmethod
        def deserialize(cls, data):
            return cls(**data)
        @property
        def summary(self):
            return f"after each workday, at {{self.hour}}"
        def infer_manual_data_interval(self, run_after):
            start = self._workday(run_after - timedelta(days=1), -1)
            return DataInterval(start=start, end=start + timedelta(days=1))
        def next_dagrun_info(self, *, last_automated_data_interval, restriction):
            self.calls += 1
            assert self.calls == 1, "made anew for every question"
            if last_automated_data_interval is not None:
                start = last_automated_data_interval.start + timedelta(days=1)
            elif restriction.earliest is None:
                return None
            else:
                start = restriction.earliest
            start = self._workday(start, 1)
            if restriction.latest is not None and start > restriction.latest:
                return None
            return DagRunInfo.interval(start=start, end=start + timedelta(days=1))
        def _workday(self, at, step):
            at = DateTime.combine(at.date(), Time(self.hour)).replace(tzinfo=UTC)
            while at.weekday() in (5, 6):
                at = at.add(days=step)
            return at

    with DAG("d", schedule=AfterWorkday({hour}), start_date=datetime(2026, 3, 6), catchup=True):
        EmptyOperator(task_id="t")
    """
)
FRIDAY = dt.datetime(2026, 3, 6, 8, tzinfo=dt.UTC).timestamp()


def test_timetable_of_a_user_is_serialised_as_one_to_be_asked(bundle: Bundle) -> None:
    table = bundle.dag(WORKDAYS.format(hour=8))["timetable"]
    assert (table["kind"], table["data"], table["periodic"]) == ("custom", {"hour": 8}, True)
    assert table["classpath"].endswith(".AfterWorkday")
    assert (table["summary"], table["description"]) == (
        "after each workday, at 8",
        "After each workday, at 8",
    )


def test_timetable_of_a_user_answers_in_a_child(bundle: Bundle) -> None:
    file = bundle.write(WORKDAYS.format(hour=8))
    question = {"kind": "next", "last": None, "earliest": FRIDAY - 8 * 3600, "latest": None, "catchup": True}

    def ask(**changes: Any) -> Any:
        said = consult(str(bundle.path), file, "d", {**question, **changes})
        assert said["error"] is None, said["error"]
        return said["answer"]

    assert ask() == {"run_after": FRIDAY + 86400, "start": FRIDAY, "end": FRIDAY + 86400}
    monday = FRIDAY + 3 * 86400
    assert ask(last=[FRIDAY, FRIDAY + 86400]) == {
        "run_after": monday + 86400,
        "start": monday,
        "end": monday + 86400,
    }
    assert ask(last=[FRIDAY, FRIDAY + 86400], latest=FRIDAY + 1) == {}
    runs = ask(kind="range", latest=monday + 2 * 86400, most=9)["runs"]
    assert [run["start"] for run in runs] == [FRIDAY, monday, monday + 86400, monday + 2 * 86400]
    assert ask(kind="range", latest=monday + 2 * 86400, most=1)["runs"] == runs[:2]
    assert ask(kind="manual", run_after=monday) == {"start": FRIDAY, "end": FRIDAY + 86400}


@pytest.mark.parametrize(
    ("source", "dag_id", "complaint"),
    [
        (
            WORKDAYS.format(hour=8).replace(
                "return DagRunInfo", "raise KeyError('moon')\n        return DagRunInfo"
            ),
            "d",
            "KeyError: 'moon'",
        ),
        (WORKDAYS.format(hour=8), "other", "no such DAG"),
        (
            WORKDAYS.format(hour=8).replace(".replace(tzinfo=UTC)", ".naive()"),
            "d",
            "must be a datetime with a zone",
        ),
        ("raise SystemExit(3)", "d", "SystemExit"),
    ],
)
def test_timetable_that_cannot_answer_says_why(
    bundle: Bundle, source: str, dag_id: str, complaint: str
) -> None:
    question = {"kind": "next", "last": None, "earliest": FRIDAY, "latest": None, "catchup": True}
    said = consult(str(bundle.path), bundle.write(source), dag_id, question)
    assert said["answer"] is None and complaint in said["error"]


def test_subclass_that_decides_nothing_itself_needs_no_asking(bundle: Bundle) -> None:
    source = """
from airflow.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable
class Named(CronDataIntervalTimetable):
    description = "every night"
class Skips(CronDataIntervalTimetable):
    def next_dagrun_info(self, **kwargs):
        return super().next_dagrun_info(**kwargs)
DAG("named", schedule=Named("0 0 * * *", "UTC"))
DAG("skips", schedule=Skips("0 0 * * *", "UTC"))
a = DAG("a", schedule=Named("0 0 * * *", "UTC"))
b = DAG("b", schedule=Skips("0 0 * * *", "UTC"))
"""
    named, skips = bundle.parse(source)["dags"]
    assert (named["timetable"]["kind"], named["timetable"]["description"]) == ("cron", "every night")
    assert skips["timetable"]["kind"] == "custom"
    file = bundle.write(source)
    question = {"kind": "next", "last": None, "earliest": 0.0, "latest": None, "catchup": True}
    said = consult(str(bundle.path), file, "b", question)
    assert said == {"answer": {"run_after": 86400.0, "start": 0.0, "end": 86400.0}, "error": None}


@pytest.mark.parametrize(
    "schedule, following, previous",
    [
        ("@daily", "2024-03-31T22:00:00+00:00", "2024-03-29T23:00:00+00:00"),  # a day of 23 hours
        ("0 3 * * 1", "2024-04-01T01:00:00+00:00", "2024-03-25T02:00:00+00:00"),
        (dt.timedelta(hours=6), "2024-03-31T05:00:00+00:00", "2024-03-30T17:00:00+00:00"),
        (None, None, None),
        ("@once", None, None),
    ],
)
def test_neighbours_of_a_date_by_the_schedule(
    schedule: Any, following: str | None, previous: str | None
) -> None:
    dag = DAG("d", start_date=pendulum.datetime(2024, 1, 1, tz="Europe/Paris"), schedule=schedule)
    date = pendulum.datetime(2024, 3, 30, 23)
    found = (dag.following_schedule(date), dag.previous_schedule(date))
    assert [at and at.isoformat() for at in found] == [following, previous]
