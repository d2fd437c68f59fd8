"""Sensors: what ends a wait, what time-outs and errors become, and how a wait goes on after a pause."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow import DAG
from airflow.exceptions import AirflowException
from airflow.sensors.base import BaseSensorOperator, PokeReturnValue, poke_mode_only
from airflow.sensors.python import PythonSensor
from airflow.sensors.weekday import DayOfWeekSensor

from .conftest import Bundle

HEAD = """
import os
from datetime import datetime, time, timedelta, timezone
from airflow import DAG
from airflow.exceptions import *
from airflow.sensors.base import BaseSensorOperator, PokeReturnValue
from airflow.sensors.bash import BashSensor
from airflow.sensors.date_time import DateTimeSensor, DateTimeSensorAsync
from airflow.sensors.filesystem import FileSensor
from airflow.sensors.python import PythonSensor
from airflow.sensors.time_delta import TimeDeltaSensor, TimeDeltaSensorAsync, WaitSensor
from airflow.sensors.time_sensor import TimeSensor
from airflow.sensors.weekday import DayOfWeekSensor
dag = DAG('d')
looks = iter(range(100))
def fail(error):
    raise error
def sensor(look, **options):
    return PythonSensor(task_id='t', dag=dag, python_callable=look, **{'poke_interval': 0.01, **options})
"""


@pytest.fixture
def one(bundle: Bundle) -> Callable[..., dict[str, Any]]:
    """Run the sensor `t` of a file."""
    return lambda source, **changes: bundle.run(bundle.load(HEAD + source), "t", **changes)


@pytest.mark.parametrize(
    "source, state, value",
    [
        ("sensor(lambda: next(looks) == 2)", "success", None),
        ("sensor(lambda: PokeReturnValue(next(looks) == 2, {'x': 1}))", "success", {"x": 1}),
        ("sensor(lambda: [], timeout=0.05)", "failed", None),
        ("sensor(lambda: 0, timeout=timedelta(seconds=0.05), poke_interval=timedelta(0))", "failed", None),
        ("sensor(lambda: False, timeout=0.05, soft_fail=True)", "skipped", None),
        ("sensor(lambda: False, timeout=0.05, never_fail=True)", "failed", None),
        ("sensor(lambda: fail(ValueError('x')))", "failed", None),
        ("sensor(lambda: fail(ValueError('x')), soft_fail=True)", "failed", None),
        ("sensor(lambda: fail(AirflowFailException('x')), soft_fail=True)", "skipped", None),
        ("sensor(lambda: fail(ValueError('x')), never_fail=True)", "skipped", None),
        ("sensor(lambda: next(looks) or fail(ValueError('x')), silent_fail=True)", "success", None),
        ("sensor(lambda: fail(AirflowSkipException('x')), silent_fail=True)", "skipped", None),
        ("sensor(lambda: __import__('time').sleep(9), execution_timeout=timedelta(seconds=0.1), soft_fail=True)",
         "skipped", None),
        ("sensor(lambda ds, extra, **c: (ds, extra, c['run_id']) == ('2024-05-06', 1, 'run1'),"
         " op_kwargs={'extra': 1})", "success", None),
        ("BashSensor(task_id='t', dag=dag, bash_command='test {{ ds }} = 2024-05-06')", "success", None),
        ("BashSensor(task_id='t', dag=dag, bash_command='exit 3', poke_interval=0, timeout=0.1)", "failed", None),
        ("BashSensor(task_id='t', dag=dag, bash_command='exit 3', retry_exit_code=4, soft_fail=True)",
         "skipped", None),
        ("DateTimeSensor(task_id='t', dag=dag, target_time='{{ data_interval_end }}')", "success", None),
        ("DateTimeSensor(task_id='t', dag=dag, target_time=datetime(2999, 1, 1), timeout=0, poke_interval=0)",
         "failed", None),
        ("TimeDeltaSensor(task_id='t', dag=dag, delta=timedelta(days=1))", "success", None),
        ("TimeDeltaSensor(task_id='t', dag=dag, delta=timedelta(days=40000), timeout=0, poke_interval=0)",
         "failed", None),
        ("TimeDeltaSensorAsync(task_id='t', dag=dag, delta='{{ 60 * 24 }}')", "success", True),
        ("WaitSensor(task_id='t', dag=dag, time_to_wait=timedelta(seconds=0.1))", "success", None),
        ("TimeSensor(task_id='t', dag=dag, target_time=time(0, 0))", "success", None),
        ("DayOfWeekSensor(task_id='t', dag=dag, week_day='monday', use_task_logical_date=True)", "success", None),
        ("DayOfWeekSensor(task_id='t', dag=dag, week_day={'Sunday'}, use_task_execution_day=True, timeout=0,"
         " poke_interval=0)", "failed", None),
    ],
)  # fmt: skip
def test_sensor_ends(one: Callable[..., Any], source: str, state: str, value: Any) -> None:
    word = one(source)
    assert word["state"] == state, word["reason"]
    assert word["xcoms"].get("return_value") == value


def test_timeout_is_final_and_an_error_is_not(one: Callable[..., Any]) -> None:
    assert one("sensor(lambda: False, timeout=0)")["retry"] is False
    assert one("sensor(lambda: fail(ValueError('x')))")["retry"] is True


def test_reschedule_gives_the_process_back(one: Callable[..., Any]) -> None:
    before = time.time()
    word = one("sensor(lambda: False, mode='reschedule', poke_interval=60)")
    assert word["state"] == "up_for_reschedule"
    assert before + 60 <= word["until"] <= time.time() + 60
    assert one("sensor(lambda: True, mode='reschedule')")["state"] == "success"


def test_timeout_counts_from_the_first_look_over_reschedules(one: Callable[..., Any]) -> None:
    source = "sensor(lambda task_reschedule_count: False, mode='reschedule', timeout=100)"
    young = one(source, extra={"first_start": time.time() - 50, "reschedules": 3})
    old = one(source, extra={"first_start": time.time() - 101, "reschedules": 3})
    assert (young["state"], old["state"], old["retry"]) == ("up_for_reschedule", "failed", False)


def test_reschedule_count_is_in_the_context(one: Callable[..., Any]) -> None:
    source = "sensor(lambda task_reschedule_count: PokeReturnValue(True, task_reschedule_count))"
    word = one(source, extra={"first_start": 1.0, "reschedules": 3})
    assert word["xcoms"]["return_value"] == 3


def test_file_sensor_finds_files_globs_and_folders_that_hold_one(
    one: Callable[..., Any], bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_FS_DEFAULT", f'{{"conn_type": "fs", "extra": {{"path": "{bundle.path}"}}}}'
    )
    (bundle.path / "empty/sub").mkdir(parents=True)
    bundle.write("x", "full/sub/a.csv")

    def state(path: str, **options: Any) -> str:
        given = {"filepath": path, "timeout": 0, "poke_interval": 0, **options}
        return str(one(f"FileSensor(task_id='t', dag=dag, **{given!r})")["state"])

    assert [state(path) for path in ("full/sub/a.csv", "full/*/*.csv", "full")] == ["success"] * 3
    assert [state(path) for path in ("empty", "nothing", "**/a.csv")] == ["failed"] * 3
    assert state("**/a.csv", recursive=True) == "success"
    deferred = one("FileSensor(task_id='t', dag=dag, filepath='empty', deferrable=True, timeout=9)")
    assert deferred["details"]["deferral"]["kwargs"]["filepath"] == str(bundle.path / "empty")


def test_async_sensors_defer_to_the_moment(one: Callable[..., Any]) -> None:
    word = one(
        "DateTimeSensorAsync(task_id='t', dag=dag, target_time=datetime(2999, 1, 1, tzinfo=timezone.utc))"
    )
    deferral = word["details"]["deferral"]
    assert (word["state"], deferral["next_method"]) == ("deferred", "execute_complete")
    assert deferral["classpath"] == "airflow.providers.standard.triggers.temporal.DateTimeTrigger"


def test_time_of_day_is_that_of_the_execution_not_of_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    import datetime as dt

    from airflow.sensors import time_sensor

    class Later(dt.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return dt.datetime(2999, 1, 2, 5, tzinfo=tz)

    task = time_sensor.TimeSensor(task_id="t", dag=DAG("d"), target_time=dt.time(8))
    monkeypatch.setattr(time_sensor.dt, "datetime", Later)
    assert task.target_datetime.isoformat() == "2999-01-02T08:00:00+00:00"


def test_backoff_grows_up_to_its_bound_and_differs_between_sensors() -> None:
    def pauses(name: str, **options: Any) -> list[float]:
        task = PythonSensor(
            task_id=name, python_callable=bool, exponential_backoff=True, poke_interval=10, **options
        )
        return [task._get_next_poke_interval(1.0, lambda: 0.0, look) for look in (1, 3, 6)]

    a, b = pauses("a"), pauses("b")
    assert a[0] < a[1] < a[2] and 160 <= a[2] < 320
    assert a != b
    assert pauses("a", max_wait=30)[2] == 30
    assert pauses("a", timeout=50)[2] == 50


def test_backoff_over_reschedules_knows_how_long_it_waited() -> None:
    task = PythonSensor(
        task_id="a", python_callable=bool, exponential_backoff=True, mode="reschedule", poke_interval=1
    )
    short, long = (
        task._get_next_poke_interval("s", lambda passed=passed: passed, 1) for passed in (0.0, 500.0)
    )
    assert short < 3 and long > 100


@pytest.mark.parametrize(
    "options, words",
    [
        ({"poke_interval": -1}, "as poke_interval"),
        ({"timeout": "soon"}, "as timeout"),
        ({"max_wait": -1}, "as max_wait"),
        ({"mode": "wait"}, "mode is 'wait'"),
        ({"soft_fail": True, "never_fail": True}, "soft_fail excludes never_fail"),
    ],
)
def test_wrong_values_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        PythonSensor(task_id="a", python_callable=bool, **options)
    with pytest.raises(AttributeError, match="Funday"):
        DayOfWeekSensor(task_id="a", week_day={"Funday"})


def test_poke_mode_only() -> None:
    @poke_mode_only
    class Remembering(BaseSensorOperator):
        def poke(self, context: Any) -> PokeReturnValue:
            return PokeReturnValue(True)

    assert Remembering(task_id="a").mode == "poke"
    with pytest.raises(ValueError, match="only 'poke'"):
        Remembering(task_id="b", mode="reschedule")


def test_default_args_and_configuration_reach_sensors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__SENSORS__DEFAULT_TIMEOUT", "12")
    with DAG("d", default_args={"mode": "reschedule", "poke_interval": 7}):
        task = PythonSensor(task_id="a", python_callable=bool)
    assert (task.mode, task.poke_interval, task.timeout, task.reschedule) == ("reschedule", 7, 12, True)
    with pytest.raises(AirflowException, match="does not define poke"):
        BaseSensorOperator(task_id="x").poke({})


async def first_event(trigger: Any) -> Any:
    """What a trigger fires with, made again from what it hands over."""
    again = type(trigger)(**trigger.serialize()[1])
    return (await anext(again.run())).payload


def test_file_triggers_wait_for_the_file(tmp_path: Path) -> None:
    from airflow.triggers.file import DirectoryFileDeleteTrigger, FileDeleteTrigger, FileTrigger

    async def write_and_wait(trigger: Any) -> Any:
        waiting = asyncio.ensure_future(first_event(trigger))
        done, _ = await asyncio.wait({waiting}, timeout=0.05)
        assert not done
        (tmp_path / "x").touch()
        return await asyncio.wait_for(waiting, 10)

    here, often = str(tmp_path / "x"), {"poke_interval": 0.01}
    assert asyncio.run(write_and_wait(FileDeleteTrigger(here, **often))) is True
    assert not (tmp_path / "x").exists()
    folder = DirectoryFileDeleteTrigger(directory=str(tmp_path), filename="x", **often)
    assert asyncio.run(write_and_wait(folder)) == {"filepath": here}
    assert asyncio.run(write_and_wait(FileTrigger(f"{tmp_path}/*", **often))) is True
    assert (tmp_path / "x").exists()
