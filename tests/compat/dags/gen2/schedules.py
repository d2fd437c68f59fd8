"""Every kind of schedule of 2.x that needs no plugin."""
import datetime
from datetime import timedelta

import pendulum
from dateutil.relativedelta import relativedelta

from airflow import DAG, Dataset
from airflow.operators.empty import EmptyOperator
from airflow.timetables.datasets import DatasetOrTimeSchedule
from airflow.timetables.interval import CronDataIntervalTimetable, DeltaDataIntervalTimetable
from airflow.timetables.trigger import CronTriggerTimetable

START = pendulum.datetime(2024, 1, 1, tz="UTC")
one, two = Dataset("s3://bucket/one"), Dataset("s3://bucket/two")
SCHEDULES = {
    "none": None,
    "once": "@once",
    "continuous": "@continuous",
    "hourly": "@hourly",
    "cron": "*/15 8-17 * * mon-fri",
    "delta": timedelta(hours=6),
    "months": relativedelta(months=1),
    "interval": CronDataIntervalTimetable("0 3 * * *", timezone="America/New_York"),
    "delta_interval": DeltaDataIntervalTimetable(timedelta(minutes=30)),
    "trigger": CronTriggerTimetable("0 3 * * 2", timezone="UTC"),
    "dataset": [one],
    "all": (one & two),
    "any": (one | two),
    "either": DatasetOrTimeSchedule(timetable=CronTriggerTimetable("0 1 * * *", timezone="UTC"), datasets=[one]),
}
for name, schedule in SCHEDULES.items():
    limit = {"max_active_runs": 1} if name == "continuous" else {}
    with DAG("gen2_schedule_%s" % name, schedule=schedule, start_date=START, catchup=False, **limit) as made:
        EmptyOperator(task_id="nothing", outlets=[two] if name == "none" else [])
    globals()[made.dag_id] = made

by_default = DAG("gen2_schedule_default", start_date=START)
by_interval = DAG("gen2_schedule_by_interval", schedule_interval=timedelta(days=2), start_date=datetime.datetime(2024, 1, 1))
