"""The triggerer's runner: events, ends, errors, cancelling, cleaning up."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from airflow._task.triggering.classes import Classes
from airflow._task.triggering.runner import Runner
from airflow._wire import encoding, messages
from airflow.triggers.base import BaseEventTrigger, BaseTrigger, TaskFailedEvent, TriggerEvent
from airflow.triggers.temporal import DateTimeTrigger

Said = list[dict[str, Any]]
called: list[str] = []


class Trigger(BaseTrigger):
    """Does what `how` says."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{__name__}.Trigger", {"how": self.how}

    async def run(self) -> Any:
        called.append(f"run {self.task_id}")
        if self.how == "raise":
            raise ValueError("no good")
        if self.how == "exit":
            raise SystemExit(3)
        if self.how == "cancel":
            raise asyncio.CancelledError
        if self.how == "odd":
            yield 5
        if self.how == "opaque":
            yield TriggerEvent(object())
        if self.how == "fail":
            yield TaskFailedEvent(xcoms={"a": (1,)})
        if self.how == "wait":
            await asyncio.sleep(600)
        if self.how != "nothing":
            yield TriggerEvent({"how": self.how})
            yield TriggerEvent("too late")

    async def cleanup(self) -> None:
        called.append("cleanup")

    async def on_kill(self) -> None:
        called.append("kill")


class Watcher(Trigger, BaseEventTrigger):
    """Fires three times."""

    async def run(self) -> Any:
        for n in range(3):
            yield TriggerEvent(n)
        await asyncio.sleep(600)


def start(id: str, how: str, cls: str = "Trigger") -> dict[str, Any]:
    task = {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": -1, "try_number": 1}
    classpath = f"{__name__}.{cls}"
    return {
        "id": id,
        "classpath": classpath,
        "kwargs": {"how": how},
        "about": "d.t",
        "log_key": "k",
        "task": task,
    }


def play(story: Callable[[Runner, Said], Any]) -> Said:
    """Let a story happen to a runner; what it said."""
    called.clear()

    async def run() -> Said:
        said: Said = []
        async with asyncio.timeout(10):
            await story(Runner(Classes(None), said.append), said)
        return said

    return asyncio.run(run())


async def wait_for(condition: Callable[[], Any]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


def fire(how: str) -> dict[str, Any]:
    async def story(runner: Runner, said: Said) -> None:
        runner.handle(messages.triggers([start("1", how)], []))
        await wait_for(lambda: said and not len(runner))

    (event,) = play(story)
    return event


def test_first_event_is_the_only_one_and_cleans_up() -> None:
    event = fire("now")
    assert (event["event"], event["error"]) == ({"how": "now"}, None)
    assert called == ["run t", "cleanup"]


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("raise", "ValueError: no good"),
        ("exit", "SystemExit: 3"),
        ("cancel", "CancelledError"),
        ("odd", "TypeError: the trigger yielded a int, not a TriggerEvent"),
        ("opaque", "has no JSON form"),
        ("nothing", "RuntimeError: the trigger ended without an event: "),
    ],
)
def test_whatever_goes_wrong_is_told_once(how: str, error: str) -> None:
    event = fire(how)
    assert error in event["error"]
    assert called[-1] == "cleanup"


def test_class_that_cannot_be_found_or_made_is_an_error() -> None:
    async def story(runner: Runner, said: Said) -> None:
        wrong = {**start("2", "x"), "kwargs": {"what": 1}}
        runner.handle(messages.triggers([start("1", "x", "Missing"), wrong], []))
        await wait_for(lambda: len(said) == 2)

    errors = {event["id"]: event["error"] for event in play(story)}
    assert "cannot import 'Missing'" in errors["1"]
    assert "unexpected keyword argument 'what'" in errors["2"]


def test_event_that_ends_the_task_carries_its_xcoms() -> None:
    assert fire("fail")["end"] == {"state": "failed", "xcoms": {"a": {"__type": "tuple", "__var": [1]}}}


@pytest.mark.parametrize(("kill", "last"), [(["1"], ["kill", "cleanup"]), ([], ["cleanup"])])
def test_cancelled_trigger_says_nothing_and_knows_whether_a_user_did_it(
    kill: list[str], last: list[str]
) -> None:
    async def story(runner: Runner, said: Said) -> None:
        runner.handle(messages.triggers([start("1", "wait")], []))
        runner.handle(messages.triggers([start("1", "wait")], []))
        await wait_for(lambda: called)
        runner.handle(messages.triggers([], ["1", "unknown"], kill))
        await wait_for(lambda: not len(runner))

    assert play(story) == []
    assert called == ["run t", *last]


def test_stopping_cleans_up_everything() -> None:
    async def story(runner: Runner, said: Said) -> None:
        runner.handle(messages.triggers([start(str(n), "wait") for n in range(3)], []))
        await wait_for(lambda: len(called) == 3)
        await runner.stop(5)

    assert play(story) == []
    assert called[3:] == ["cleanup"] * 3


def test_standing_trigger_fires_again_and_again_with_numbers() -> None:
    async def story(runner: Runner, said: Said) -> None:
        runner.handle(messages.triggers([start("watcher:a", "", "Watcher")], []))
        await wait_for(lambda: len(said) == 3)
        runner.handle(messages.triggers([], ["watcher:a"]))
        await wait_for(lambda: not len(runner))

    said = play(story)
    assert [event["event"] for event in said] == [0, 1, 2]
    assert len({event["number"] for event in said}) == 3


def test_datetime_trigger_survives_its_way_through_the_wire() -> None:
    moment = dt.datetime(2024, 5, 6, 7, tzinfo=dt.UTC)
    classpath, kwargs = DateTimeTrigger(moment=moment).serialize()

    async def story(runner: Runner, said: Said) -> None:
        sent = {**start("1", ""), "classpath": classpath, "kwargs": encoding.to_plain(kwargs)}
        runner.handle(messages.triggers([sent], []))
        await wait_for(lambda: said)

    (event,) = play(story)
    assert encoding.from_plain(event["event"]) == moment
    with pytest.raises(ValueError, match="naive"):
        DateTimeTrigger(moment=dt.datetime(2024, 1, 1))
