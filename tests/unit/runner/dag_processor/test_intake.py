"""A snapshot taken in: what is asked, what is written, and when the snapshot becomes the active one."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow._wire.cell import Bucket, CellSpec
from airflow._wire.messages import digest_answer

from runner.dag_processor.choosing import SURROUNDINGS
from runner.dag_processor.intake import Intake
from runner.dag_processor.refusing import MOST, describe_refused, show_key
from runner.events import DagsChanged
from runner.store import dag_files
from runner.store.bundles import find_active, list_needed
from runner.store.dags import find_runnable
from runner.store.database import Database
from runner.store.listing_dags import find_dag_row
from runner.store.listing_page import Window
from runner.store.runs import NewRun, insert_run
from sync.snapshot import Snapshot


class FakeParser:
    """Holds questions until the test answers them."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.asked: list[tuple[str, str, Callable[[str, dict[str, Any]], None]]] = []
        self.answers: dict[str, dict[str, Any]] | None = None
        self.events: list[Any] = []

    def parse(self, bundle: str, files: list[str], timeout: float, on_parsed: Callable[..., None]) -> None:
        with self.changed:
            self.asked += [(bundle, file, on_parsed) for file in files]
            self.changed.notify_all()
        for file in files:
            if self.answers is not None and file in self.answers:
                on_parsed(file, self.answers[file])

    def post(self, event: Any) -> None:
        self.events.append(event)

    def files(self, bundle: str) -> list[str]:
        return [file for digest, file, _ in self.asked if digest == bundle]

    def answer(self, bundle: str, file: str, result: dict[str, Any]) -> None:
        until(lambda: file in self.files(bundle))
        next(reply for digest, name, reply in self.asked if (digest, name) == (bundle, file))(file, result)


def until(check: Callable[[], Any]) -> Any:
    """What `check` gives once it is true; fails after ten seconds."""
    deadline = time.monotonic() + 10
    while not (found := check()):
        assert time.monotonic() < deadline, "it did not happen"
        threading.Event().wait(0.005)
    return found


def found(*dag_ids: str, error: str | None = None, modules: tuple[str, ...] = ()) -> dict[str, Any]:
    """A parse result: a DAG's id, or 'id/task' for one with another task."""
    dags = []
    for name in dag_ids:
        dag_id, _, task = name.partition("/")
        dags.append({"dag_id": dag_id, "timetable": {"kind": "null"}, "tasks": [{"task_id": task or "t"}]})
    return {"dags": dags, "error": error, "seconds": 0.5, "modules": list(modules), "warnings": []}


class World:
    def __init__(self, tmp_path: Path, database_url: str) -> None:
        self.root = tmp_path
        self.db = Database(database_url)
        self.db.create_or_migrate()
        self.parser = FakeParser()
        self.collected: list[set[str]] = []
        bucket = Bucket("b", "")
        spec = CellSpec("e", "3.3.1", database_url, bucket, bucket, "python", "sdk", "token")
        self.intake = Intake(
            spec, self.db, self.parser, lambda: 1000.0, lambda keep, _old: self.collected.append(keep),
            lambda method, params: self.answers[params["key"]], 0.01,
        )  # fmt: skip
        self.answers: dict[str, str] = {}
        self.intake.start()

    def snapshot(self, files: dict[str, str]) -> str:
        """Hand in a snapshot; its digest."""
        digests = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in files.items()}
        digest = hashlib.sha256(repr(sorted(digests.items())).encode()).hexdigest()
        for path, text in files.items():
            target = self.root / digest / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        self.intake.on_snapshot(Snapshot(digest, self.root / digest, digests, (), 0.0))
        return digest

    def is_active(self, digest: str) -> bool:
        with self.db.read() as conn:
            return find_active(conn) == digest

    def file(self, path: str) -> dag_files.DagFile | None:
        with self.db.read() as conn:
            return dag_files.find_dag_file(conn, path)

    def dag(self, dag_id: str) -> Any:
        with self.db.read() as conn:
            return find_dag_row(conn, dag_id)


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    made = World(tmp_path, database_url)
    yield made
    made.intake.stop()
    made.db.dispose()


DAG = "import airflow  # dag"


def test_first_dag_is_visible_before_the_last_file_is_parsed(world):
    digest = world.snapshot({"a.py": DAG, "b.py": DAG + "2", "helper.py": "x = 1"})
    world.parser.answer(digest, "a.py", found("a"))
    until(lambda: world.dag("a"))
    assert not world.is_active(digest)
    until(lambda: DagsChanged() in world.parser.events)  # it is told after the commit
    world.parser.answer(digest, "b.py", found("b"))
    until(lambda: world.is_active(digest))
    assert sorted(world.parser.files(digest)) == ["a.py", "b.py"]  # the helper names no DAG


def test_only_what_changed_is_parsed_again_and_runs_use_the_newest_snapshot(world):
    world.parser.answers = {"a.py": found("a", modules=("m.py",)), "b.py": found("b")}
    first = world.snapshot({"a.py": DAG, "b.py": DAG + "2", "m.py": "1"})
    until(lambda: world.is_active(first))
    second = world.snapshot({"a.py": DAG, "b.py": DAG + "2", "m.py": "2"})
    until(lambda: world.is_active(second))
    assert world.parser.files(second) == ["a.py"]
    with world.db.read() as conn:
        assert {find_runnable(conn, name).bundle for name in "ab"} == {second}


def test_broken_file_shows_its_error_and_keeps_its_dags_where_they_worked(world):
    world.parser.answers = {"a.py": found("a")}
    first = world.snapshot({"a.py": DAG})
    until(lambda: world.is_active(first))
    world.parser.answers = {"a.py": found(error="SyntaxError: line 1")}
    second = world.snapshot({"a.py": DAG + "("})
    until(lambda: world.is_active(second))
    assert world.file("a.py").error == "SyntaxError: line 1"
    assert not world.dag("a").is_stale
    with world.db.read() as conn:
        assert find_runnable(conn, "a").bundle == first
        assert list_needed(conn) == {first, second}
    world.parser.answers = {"a.py": found("a")}
    third = world.snapshot({"a.py": DAG + "#"})
    until(lambda: world.is_active(third))
    assert world.file("a.py").error is None
    until(lambda: world.collected[-1] == {third})  # bundles go after the snapshot is in force


def test_dags_of_a_file_that_is_gone_become_stale(world):
    world.parser.answers = {"a.py": found("a"), "b.py": found("b")}
    first = world.snapshot({"a.py": DAG, "b.py": DAG + "2"})
    until(lambda: world.is_active(first))
    second = world.snapshot({"b.py": DAG + "2"})
    until(lambda: world.is_active(second))
    assert world.dag("a").is_stale
    assert not world.dag("b").is_stale
    assert world.file("a.py") is None


def test_dag_in_two_files_is_an_error_that_names_both_until_one_goes(world):
    world.parser.answers = {"a.py": found("x"), "b.py": found("x", "y")}
    first = world.snapshot({"a.py": DAG})
    until(lambda: world.is_active(first))
    both = world.snapshot({"a.py": DAG, "b.py": DAG + "2"})
    until(lambda: world.is_active(both))
    error = world.file("b.py").error
    assert "'x'" in error
    assert "a.py" in error
    assert "b.py" in error
    assert world.dag("x").file == "a.py"
    assert world.dag("y").file == "b.py"
    last = world.snapshot({"b.py": DAG + "2"})
    until(lambda: world.is_active(last))
    assert world.file("b.py").error is None
    assert world.dag("x").file == "b.py"


def test_dag_moves_to_another_file_without_an_error(world):
    world.parser.answers = {"a.py": found("x")}
    first = world.snapshot({"a.py": DAG})
    until(lambda: world.is_active(first))
    world.parser.answers = {"a.py": found("other"), "b.py": found("x")}
    moved = world.snapshot({"a.py": DAG + "!", "b.py": DAG})
    until(lambda: world.is_active(moved))
    assert (world.dag("x").file, world.dag("x").is_stale, world.file("b.py").error) == ("b.py", False, None)


def test_newer_snapshot_takes_over_while_a_file_hangs(world):
    first = world.snapshot({"a.py": DAG, "hangs.py": DAG + "2"})
    until(lambda: "hangs.py" in world.parser.files(first))
    second = world.snapshot({"a.py": DAG + "new", "hangs.py": DAG + "fixed"})
    world.parser.answer(second, "a.py", found("a/new"))
    world.parser.answer(first, "a.py", found("a/old"))  # late, and of a snapshot that is over
    world.parser.answer(second, "hangs.py", found("h"))
    until(lambda: world.is_active(second))
    with world.db.read() as conn:
        assert [task.task_id for task in find_runnable(conn, "a").spec.tasks] == ["new"]


@pytest.mark.parametrize(
    "dags",
    [
        [{"dag_id": "bad id!", "tasks": []}],
        [{"dag_id": "d", "tasks": [{}]}],
        ["text"],
        [{"dag_id": "d", "tasks": [{"task_id": "a", "upstream": ["ghost"]}]}],
        [
            {
                "dag_id": "d",
                "tasks": [{"task_id": "a", "upstream": ["b"]}, {"task_id": "b", "upstream": ["a"]}],
            }
        ],
        [{"dag_id": "d", "tasks": [{"task_id": "a", "retries": "many"}], "timetable": {"kind": "cron"}}],
    ],
)
def test_nonsense_from_a_file_is_its_import_error_and_disturbs_no_other(world, dags):
    world.parser.answers = {"a.py": {**found(), "dags": dags}, "b.py": found("b")}
    digest = world.snapshot({"a.py": DAG, "b.py": DAG + "2"})
    until(lambda: world.is_active(digest))
    assert "cannot" in world.file("a.py").error
    assert world.file("b.py").error is None
    assert world.dag("b") is not None


def test_bundle_of_an_unfinished_run_is_kept(world):
    world.parser.answers = {"a.py": found("a")}
    first = world.snapshot({"a.py": DAG})
    until(lambda: world.is_active(first))
    with world.db.begin() as conn:
        runnable = find_runnable(conn, "a")
        run = NewRun("a", "r", "manual", None, None, None, 1.0, 1.0)
        insert_run(conn, run, runnable.version_id, runnable.bundle, runnable.spec)
    second = world.snapshot({"a.py": DAG + "!"})
    until(lambda: world.is_active(second))
    until(lambda: len(world.collected) == 2)
    assert world.collected[-1] == {first, second}


def import_errors(world: World) -> dict[str, tuple[int, str]]:
    with world.db.read() as conn:
        window = Window(limit=100)
        page = dag_files.list_import_errors(conn, window, None, None, None)
    return {row.path: (row.error_id, row.error) for row in page.rows}


def test_refused_keys_are_import_errors_until_they_are_gone_and_disturb_no_file(world: World) -> None:
    world.parser.answers = {"a.py": found("one")}
    first = world.snapshot({"a.py": DAG})
    until(lambda: world.is_active(first))
    world.intake.on_refused(
        (("../evil.py", "it has the part '..'"), ("bell\x07.py", "it has a control character"))
    )
    errors = until(lambda: import_errors(world))
    assert set(errors) == {"s3://b/../evil.py", r"s3://b/bell\x07.py"}
    assert "it has the part '..'" in errors["s3://b/../evil.py"][1]
    second = world.snapshot({"a.py": DAG, "README.md": "x"})
    until(lambda: world.is_active(second))
    assert import_errors(world) == errors, "a snapshot takes refused keys for files"
    assert world.parser.files(second) == []
    with world.db.read() as conn:
        assert dag_files.count_import_errors(conn) == 0
        assert "" not in list_needed(conn)
    world.intake.on_refused((("bell\x07.py", "it has a control character"),))
    until(lambda: len(import_errors(world)) == 1)
    assert import_errors(world).items() <= errors.items(), "an error keeps its number"
    world.intake.on_refused((("\x07" * 1023 + "a", "long"), ("\x07" * 1023 + "b", "long")))
    until(lambda: [error for _id, error in import_errors(world).values() if "long" in error][1:])
    world.intake.on_refused(())
    until(lambda: import_errors(world) == {})


def test_different_keys_have_different_names_when_they_cannot_be_shown() -> None:
    keys = ["a\x01", "a\\x01", "a\\\\x01", "a\u202e", "a\\u202e", "\ud55c\uae00"]
    names = [show_key(key) for key in keys]
    assert len(set(names)) == len(keys)
    assert all(name.isprintable() for name in names)
    assert names[-1] == keys[-1]


def test_errors_are_few_when_very_many_keys_are_refused() -> None:
    errors = describe_refused("b", [(f"{number}//", "empty") for number in range(MOST + 500)])
    assert len(errors) == MOST + 1
    assert "500 more" in errors["s3://b"]


def test_a_file_is_parsed_again_when_a_variable_that_it_read_has_changed(world: World) -> None:
    world.answers["x"] = "one"
    digest = world.snapshot({"a.py": DAG, "b.py": DAG + "2"})
    asked = {"asked": {"get_variable:x": digest_answer("one")}}
    world.parser.answer(digest, "a.py", {**found("a/one"), **asked})
    world.parser.answer(digest, "b.py", found("b"))
    until(lambda: world.is_active(digest))
    world.answers["x"] = "two"
    until(lambda: world.parser.files(digest).count("a.py") == 2)
    asked = {"asked": {"get_variable:x": digest_answer("two")}}
    world.parser.answer(digest, "a.py", {**found("a/two"), **asked})
    assert world.file("a.py").modules.keys() - {SURROUNDINGS} == {"get_variable:x"}
    assert world.parser.files(digest) == ["a.py", "b.py", "a.py"]
