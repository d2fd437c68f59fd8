"""Paths, specs and log keys: what several processes must spell alike."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from airflow._wire import cell, workload
from airflow._wire.layout import Layout


def make_spec(home: Path) -> cell.CellSpec:
    bucket = cell.Bucket(
        "my-bucket", "dags", endpoint="http://127.0.0.1:9000", secret_access_key="s3cret-value"
    )
    return cell.CellSpec("demo", "3.3.1", "sqlite://", bucket, bucket, "/usr/bin/python3", "/sdk", "token")


def test_a_spec_comes_back_whole_and_is_private(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "cell")
    layout.make()
    cell.write(layout.spec, make_spec(tmp_path))
    assert cell.read(layout.spec) == make_spec(tmp_path)
    assert stat.S_IMODE(layout.spec.stat().st_mode) == 0o600
    assert stat.S_IMODE(layout.home.stat().st_mode) == 0o700


def test_a_spec_of_another_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="format 99"):
        cell.from_json(make_spec(tmp_path).to_json().replace('"format": 1', '"format": 99'))


def test_socket_paths_stay_below_the_kernels_limit(tmp_path: Path) -> None:
    deep = Layout(tmp_path / ("d" * 60) / ("e" * 60))
    deep.make()
    assert len(str(deep.engine_socket)) <= 100
    assert deep.engine_socket != Layout(tmp_path / ("d" * 60) / ("f" * 60)).engine_socket


def test_sockets_are_not_kept_where_somebody_else_could_put_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = Layout(tmp_path / ("d" * 60) / ("e" * 60))
    sockets = deep.engine_socket.parent
    deep.make()
    deep.make()  # its own, again
    sockets.chmod(0o777)
    with pytest.raises(PermissionError, match="shorter path"):
        deep.make()
    sockets.rmdir()
    (tmp_path / "theirs").mkdir(mode=0o700)
    sockets.symlink_to(tmp_path / "theirs")
    with pytest.raises(PermissionError, match="shorter path"):
        deep.make()
    sockets.unlink()
    deep.make()
    monkeypatch.setattr(os, "getuid", lambda: os.stat(tmp_path).st_uid + 1)
    with pytest.raises(PermissionError, match="shorter path"):
        deep.make()
    deep.engine_socket.parent.rmdir()
    sockets.rmdir()


@pytest.mark.parametrize("level, enabled, kept", [("WARNING", True, "WARNING"), ("INFO", False, None)])
def test_log_level_is_none_when_the_module_is_disabled(
    tmp_path: Path, level: str, enabled: bool, kept: str | None
) -> None:
    spec = cell.from_json(make_spec(tmp_path).to_json())
    spec.logging["TaskLogs"] = {"Enabled": enabled, "LogLevel": level}
    assert spec.log_level("TaskLogs") == kept


def test_task_logs_are_on_by_default_and_the_rest_off(tmp_path: Path) -> None:
    spec = make_spec(tmp_path)
    assert [spec.log_level(module) for module in ("SchedulerLogs", "WorkerLogs", "TaskLogs")] == [
        None,
        None,
        "INFO",
    ]


@pytest.mark.parametrize("hostile", ["..", "a/../b", "a\\b", "a\x00b", "/etc/passwd", "..."])
def test_no_name_in_a_log_key_can_leave_its_folder(hostile: str) -> None:
    parts = workload.log_key(hostile, hostile, hostile, -1, 1).split("/")
    assert len(parts) == 4
    assert all("=" in part and ".." not in part and "\x00" not in part for part in parts)


def test_log_keys_name_the_mapped_task_and_the_try() -> None:
    key = workload.log_key("d", "manual__2026-11-21T03:00:00+00:00", "g.t", 3, 2)
    assert key == "dag_id=d/run_id=manual__2026-11-21T03_00_00+00_00/task_id=g.t/map_index=3/attempt=2"


@pytest.mark.parametrize(
    "text, number", [("12", 12.0), ("0.5", 0.5), ("", 7.0), ("many", 7.0), ("-1", 7.0), ("nan", 7.0)]
)
def test_a_number_that_cannot_be_read_is_the_default(tmp_path: Path, text: str, number: float) -> None:
    spec = make_spec(tmp_path)
    spec.config["core.some"] = text
    assert spec.number("core", "some", 7.0) == number
