"""What an engine loads before it can begin: a cell's start waits for all of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
AVOIDED = (
    "sqlalchemy.dialects.postgresql",
    "psycopg",
    "alembic",
    "boto3",
    "botocore",
    "moto",
    "jinja2",
    "pendulum",
)


def test_engine_on_sqlite_loads_nothing_that_it_does_not_use(tmp_path: Path) -> None:
    program = f"""
import sys, runner.engine
from runner.store.database import Database
db = Database("sqlite:///{tmp_path / "m.db"}")
db.create_or_migrate()
print(*(name for name in {AVOIDED!r} if name in sys.modules))
"""
    env = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'runner' / 'sdk'}"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=env, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout.strip(), done.returncode) == ("", 0), done.stderr
