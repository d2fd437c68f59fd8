"""A whole cell for one DAG file: its engine and its agent as real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
from airflow._wire import cell

from runner.store.dags import put_dags
from tests.fakes.cell import PROGRAM
from tests.processes.cells import ROOT, Cell


class WholeCell:
    """Started when it is made. `spec` changes the cell's spec."""

    def __init__(self, home: Path, source: str, **spec: Any) -> None:
        self.cell = Cell(home)
        self.cell.spec = replace(self.cell.spec, **spec)
        cell.write(self.cell.layout.spec, self.cell.spec)
        bundle = self.cell.layout.bundle("bundle")
        bundle.mkdir()
        (bundle / "f.py").write_text(source)
        with self.cell.db.begin() as conn:
            found = [{**dag, "is_paused_upon_creation": False} for dag in self._parse(bundle)]
            put_dags(conn, "bundle", "f.py", found, time.time())
        self.cell.start_engine()
        environ = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'runner' / 'sdk'}"}
        self.agent = subprocess.Popen([sys.executable, "-c", PROGRAM, str(home)], env=environ)

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        """A request to the cell's API."""
        headers = {"Authorization": "Bearer token", "X-Aerodrome-User": "ann", "X-Aerodrome-Role": "Admin"}
        transport = httpx.HTTPTransport(uds=str(self.cell.layout.api_socket))
        with httpx.Client(transport=transport, base_url="http://cell/api/v2", timeout=20) as client:
            return client.request(method, path, headers=headers, **more)

    def close(self) -> None:
        self.agent.kill()
        self.agent.wait(10)
        self.cell.close()

    def _parse(self, bundle: Path) -> list[dict[str, Any]]:
        """The DAGs of f.py, parsed in another process, so that nothing of it stays in this one."""
        program = (
            "import json, sys; from airflow._task.parse import parse; "
            "print(json.dumps(parse(sys.argv[1], 'f.py')))"
        )
        environ = {**os.environ, "PYTHONPATH": f"{ROOT / 'runner' / 'sdk'}:{bundle}"}
        environ["AERODROME_AIRFLOW_VERSION"] = self.cell.spec.airflow_version
        done = subprocess.run(
            [sys.executable, "-c", program, str(bundle)], env=environ, capture_output=True, check=True
        )
        result = json.loads(done.stdout)
        assert result["error"] is None, result["error"]
        return list(result["dags"])


@contextmanager
def run_cell(home: Path, source: str, **spec: Any) -> Iterator[WholeCell]:
    """A whole cell for as long as the block lasts."""
    made = WholeCell(home, source, **spec)
    try:
        yield made
    finally:
        made.close()
