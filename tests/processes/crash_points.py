"""Kill -9 of a real control plane before its n-th step on a cell, for n = 1, 2, 3 ... until it survives.

Run as a program with a directory and the port of an S3; prints one JSON line: the points of each story, and the faults.
After each kill another control plane, which knows nothing of the first, has to bring the story to its end.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, cast

from control_plane.domain.environment import LastUpdate
from control_plane.domain.status import Status
from control_plane.reconcile import before
from control_plane.reconcile.journal import Journal
from control_plane.store import environments
from infra.process import ProcessProvisioner
from tests.processes.test_reconciler import World, until

S = Status
_AT_ONCE = 6
_AT_WORK = (S.CREATING, S.UPDATING, S.CREATING_SNAPSHOT, S.ROLLING_BACK, S.DELETING)
_STEPS: dict[Any, tuple[str, ...]] = {
    environments: ("transition", "apply_wanted", "drop_wanted", "delete", "end_pause"),
    ProcessProvisioner: ("create", "stop", "destroy", "resize"),
    before: ("keep", "mark", "forget"),
    Journal: ("add",),
}
_put_wanted, _put_pause, _transition = (
    environments.put_wanted,
    environments.put_pause,
    environments.transition,
)


def die_before(point: int) -> Callable[[], int]:
    """From now on the `point`-th step kills this process before it happens; how many there were is told."""
    done, passed = count(1), [0]

    def deadly(real: Callable[..., Any]) -> Callable[..., Any]:
        def act(*args: Any, **more: Any) -> Any:
            passed[0] = next(done)
            if passed[0] == point:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **more)

        return act

    for owner, names in _STEPS.items():
        for name in names:
            setattr(owner, name, deadly(getattr(owner, name)))
    return lambda: passed[0]


# ---- what is asked of the service, behind the back of its steps


def create(world: World) -> None:
    world.insert(MaxWorkers=2)


def ask(world: World, **members: Any) -> None:
    row = world.find()
    assert row is not None
    update = LastUpdate("PENDING", time.time(), strategy="FORCED")
    wanted = cast(Any, {**row.spec, "MaxWorkers": 9, **members})
    with world.database.begin() as connection:
        assert _put_wanted(connection, "demo", wanted, "FORCED", update)
    world.reconciler.wake()


def update(world: World) -> None:
    """As much as an update can have: a snapshot, another bundle of settings, tasks ended."""
    ask(world, AirflowVersion="2.10.3", EnvironmentClass="mw1.large")


def update_in_vain(world: World) -> None:
    """Refused by the engine itself, when everything is written already."""
    ask(world, AirflowConfigurationOptions={"core.executor": "broken"})


def pause(world: World) -> None:
    with world.database.begin() as connection:
        assert _put_pause(connection, "demo", "GRACEFUL", LastUpdate("PENDING", time.time()))
    world.reconciler.wake()


def delete(world: World) -> None:
    with world.database.begin() as connection:
        assert _transition(connection, "demo", [S.AVAILABLE], S.DELETING, time.time())
    world.reconciler.wake()


@dataclass(frozen=True)
class Story:
    """One request, and how it must end whatever happens."""

    ask: Callable[[World], None]
    ends: Status | None
    max_workers: int = 2
    begins_empty: bool = False


STORIES = {
    "create": Story(create, S.AVAILABLE, begins_empty=True),
    "update": Story(update, S.AVAILABLE, 9),
    "update in vain": Story(update_in_vain, S.UPDATE_FAILED),
    "pause": Story(pause, S.UNAVAILABLE),
    "delete": Story(delete, None),
}


def find_faults(world: World, story: Story) -> list[str]:
    """What is not as it must be, once nothing is at work any more."""
    row = world.find()
    if (row.status if row else None) is not story.ends:
        return [f"ended {row.status if row else 'gone'}: {row.last_update if row else ''}"]
    if row is None:
        return ["its home is left"] if (world.cells / "demo").exists() else []
    faults = [] if row.wanted is None else ["an update is pending for ever"]
    told = json.loads((world.cells / "demo" / "cell.json").read_text())
    if (told["max_workers"], row.spec["MaxWorkers"]) != (story.max_workers, story.max_workers):
        faults.append(f"the cell has {told['max_workers']} workers, the row {row.spec['MaxWorkers']}")
    if told["config"]:
        faults.append(f"the cell has {told['config']}")
    if story.ends is not S.UNAVAILABLE and not all(world.pids().values()):
        faults.append(f"dead processes: {world.pids()}")
    return faults


def in_child(work: Callable[[], list[str]], report: Path) -> bool:
    """Whether the child came to its end alive; what it found is in the report."""
    pid = os.fork()
    if pid == 0:
        try:
            found = work()
        except BaseException as error:  # a child must say what is wrong with it
            found = [repr(error)]
        report.write_text(json.dumps(found))
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    return not os.WIFSIGNALED(status)


def settle(world: World) -> None:
    def is_settled() -> bool:
        row = world.find()
        return row is None or (row.status not in _AT_WORK)

    until(is_settled, 30)


def try_point(home: Path, port: int, story: Story, point: int) -> dict[str, Any]:
    """Kill before one point, heal, and say what was wrong and whether there was such a point at all."""
    place, report = home / str(point), home / f"{point}.json"
    place.mkdir(parents=True)

    def prepare() -> list[str]:
        world = World(place, port)
        create(world)
        settle(world)
        until(lambda: all(world.pids().values()))
        world.crash()
        return []

    def live() -> list[str]:
        die_before(point)
        world = World(place, port)
        story.ask(world)
        settle(world)
        world.crash()
        return []

    def heal() -> list[str]:
        world = World(place, port)
        settle(world)
        with contextlib.suppress(AssertionError):
            until(lambda: not find_faults(world, story), 10)
        found = find_faults(world, story)
        world.close()
        return found

    faults: list[str] = []
    if not story.begins_empty:
        in_child(prepare, report)
        faults += json.loads(report.read_text())
    survived = in_child(live, report)
    in_child(heal, report)
    faults += json.loads(report.read_text())
    shutil.rmtree(place, ignore_errors=True)
    return {"survived": survived, "faults": [f"{point}: {fault}" for fault in faults]}


def tell(home: Path, port: int, story: Story) -> tuple[int, list[str]]:
    """How many points a story has, and what was wrong after a kill before each of them. A few points at a time."""
    faults: list[str] = []
    for first in count(1, _AT_ONCE):
        results = []
        for point in range(first, first + _AT_ONCE):
            path = home / f"{point}.result"
            path.parent.mkdir(parents=True, exist_ok=True)
            results.append(path)
            if os.fork() == 0:
                path.write_text(json.dumps(try_point(home, port, story, point)))
                os._exit(0)
        for _ in results:
            os.wait()
        for point, path in enumerate(results, first):
            found = json.loads(path.read_text())
            faults += found["faults"]
            if found["survived"]:
                return point - 1, faults
    raise AssertionError


def main() -> None:
    home, port, names = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:] or list(STORIES)
    told = {name: tell(home / name.replace(" ", "-"), port, STORIES[name]) for name in names}
    faults = [f"{name}, {fault}" for name, (_points, found) in told.items() for fault in found]
    print(json.dumps({"points": {name: points for name, (points, _found) in told.items()}, "faults": faults}))


if __name__ == "__main__":
    main()
