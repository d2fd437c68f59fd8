"""Every kind of schedule of 3.x that needs no plugin."""
from datetime import timedelta

import pendulum
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import (
    DAG,
    Asset,
    AssetAlias,
    AssetOrTimeSchedule,
    CronDataIntervalTimetable,
    CronTriggerTimetable,
    DeltaDataIntervalTimetable,
    DeltaTriggerTimetable,
    EventsTimetable,
    MultipleCronTriggerTimetable,
    asset,
)

START = pendulum.datetime(2024, 1, 1, tz="UTC")
one, two = Asset("one"), Asset("two", uri="s3://bucket/two")
SCHEDULES = {
    "none": None,
    "once": "@once",
    "continuous": "@continuous",
    "weekly": "@weekly",
    "cron": "5 4 * * sun",
    "delta": timedelta(hours=6),
    "interval": CronDataIntervalTimetable("0 3 * * *", timezone="America/New_York"),
    "delta_interval": DeltaDataIntervalTimetable(timedelta(minutes=30)),
    "delta_trigger": DeltaTriggerTimetable(timedelta(minutes=30)),
    "trigger": CronTriggerTimetable("0 3 * * 2", timezone="Asia/Tokyo", interval=timedelta(days=1)),
    "several": MultipleCronTriggerTimetable("0 1 * * *", "0 2 * * *", timezone="UTC"),
    "events": EventsTimetable(event_dates=[pendulum.datetime(2024, 4, 5, tz="UTC")]),
    "asset": [one],
    "alias": AssetAlias("alias"),
    "all": (one & two),
    "any": (one | two),
    "either": AssetOrTimeSchedule(timetable=CronTriggerTimetable("0 1 * * *", timezone="UTC"), assets=[one]),
}
for name, schedule in SCHEDULES.items():
    limit = {"max_active_runs": 1} if name == "continuous" else {}
    with DAG(f"gen3_schedule_{name}", schedule=schedule, start_date=START, **limit) as made:
        EmptyOperator(task_id="nothing")
    globals()[made.dag_id] = made

by_default = DAG("gen3_schedule_default")


@asset(schedule="@daily")
def gen3_made(self):
    return self.name


@asset(schedule=gen3_made)
def gen3_made_of(context, gen3_made):
    return gen3_made.uri
