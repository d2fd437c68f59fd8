"""`aerodrome dags check` against files that mean harm, and `aerodrome dags test`, as real processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.running import ROOT, aerodrome, environ, is_alive, until

HEAD = "import os, time\nfrom airflow import DAG\n"
FILES = {
    "good.py": "d = DAG('good', schedule='@daily')\nprint('noise')\n",
    "forks.py": "os.fork()\nd = DAG('forks', schedule=None)\n",
    "hangs.py": "while True:\n    try:\n        time.sleep(100)\n    except BaseException:\n        pass\n",
    "exits.py": "os._exit(0)\n",
    "greedy.py": "x = bytearray(8 * 1024**3)\n",
    "bomb.py": "while True:\n    os.fork()\n",
    "writes.py": "for fd in range(3, 30):\n    try: os.write(fd, b'x' * 99)\n    except OSError: pass\n",
    "broken.py": "import sklearn_of_nobody\n",
}


def test_every_harmful_file_is_one_error_when_all_are_checked_together(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(HEAD + text)
    (tmp_path / "ignored.py").write_text(HEAD + "1/0")
    (tmp_path / ".airflowignore").write_text("ignored.*\n")
    answer = aerodrome("dags", "check", str(tmp_path), "--format", "json", "--timeout", "2")
    assert answer.returncode == 1, answer.stderr
    files = {Path(item["path"]).name: item for item in json.loads(answer.stdout)["files"]}
    assert {name: len(item["errors"]) for name, item in files.items()} == {
        name: 0 if name in ("good.py", "forks.py") else 1 for name in FILES
    }
    assert [dag["dag_id"] for dag in files["good.py"]["dags"]] == ["good"]
    assert files["broken.py"]["errors"][0]["line"] == 3
    assert "longer than 2 seconds" in files["hangs.py"]["errors"][0]["message"]


def test_nothing_lives_on_when_a_file_has_left_a_daemon(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    (tmp_path / "d.py").write_text(
        HEAD + f"if os.fork() == 0:\n    os.setsid()\n    open({str(note)!r}, 'w').write(str(os.getpid()))\n"
        "    time.sleep(1000)\nwhile not os.path.exists('pid') or not open('pid').read(): pass\n"
    )
    assert aerodrome("dags", "check", str(tmp_path)).returncode == 0
    until(lambda: not is_alive(int(note.read_text())), 5, "the daemon is gone")


def test_the_exit_status_tells_usage_from_errors_when_files_are_missing(tmp_path: Path) -> None:
    assert aerodrome("dags", "check", str(tmp_path / "nothing")).returncode == 2
    assert aerodrome("dags", "check", str(tmp_path)).returncode == 2
    assert aerodrome("dags", "check", str(tmp_path), "--airflow-version", "7.0.0").returncode == 2


def test_a_breakpoint_stops_on_the_terminal_when_a_dag_is_tried_out(tmp_path: Path) -> None:
    (tmp_path / "d.py").write_text(
        "from airflow.sdk import dag, task\n\n\n@dag\ndef d():\n    @task\n    def t():\n        value = 6 * 7\n"
        "        breakpoint()\n        return value\n    t()\n\n\nd()\n"
    )
    argv = [sys.executable, "-m", "control_plane.main", "dags", "test", str(tmp_path / "d.py")]
    answer = subprocess.run(
        argv,
        env=environ(),
        cwd=ROOT,
        input="p 'value', value\nc\n",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "('value', 42)" in answer.stdout
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_the_exit_status_is_the_runs_when_a_task_fails(tmp_path: Path) -> None:
    (tmp_path / "d.py").write_text(
        "from airflow.sdk import DAG, task\n\nwith DAG('d') as d:\n    @task\n    def t(dag_run=None):\n"
        "        if dag_run.conf['fail']:\n            raise ValueError('wanted')\n    t()\n"
    )
    file = str(tmp_path / "d.py")
    assert aerodrome("dags", "test", file, "--conf", '{"fail": true}').returncode == 1
    assert aerodrome("dags", "test", file, "d", "--conf", '{"fail": false}').returncode == 0
    assert aerodrome("dags", "test", file, "other").returncode == 2
