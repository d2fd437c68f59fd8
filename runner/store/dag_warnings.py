"""What is wrong with DAGs that can run all the same: worked out from their files and versions when it is asked for."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from runner.domain.spec import DEFAULT_POOL
from runner.store.dags import get_version
from runner.store.schema import dag, dag_file, pool

NO_POOL, OF_FILE = "non-existent pool", "runtime varying value"
TYPES = frozenset({NO_POOL, OF_FILE, "asset conflict"})
"""Airflow's types, for its clients know no others: what is said of a whole file comes under `OF_FILE`."""


def list_warnings(conn: sa.Connection, dag_id: str | None) -> list[dict[str, Any]]:
    """The warnings of one DAG, or of all that a file has: dag_id, warning_type, message, timestamp."""
    query = (
        sa.select(dag.c.dag_id, dag.c.version_id, dag.c.last_parsed, dag_file.c.warnings)
        .select_from(dag.outerjoin(dag_file, dag_file.c.path == dag.c.file))
        .where(dag.c.is_stale == sa.false())
        .order_by(dag.c.dag_id)
    )
    if dag_id is not None:
        query = query.where(dag.c.dag_id == dag_id)
    pools = {DEFAULT_POOL, *conn.execute(sa.select(pool.c.name)).scalars()}
    found = []
    for row in conn.execute(query).all():
        said = [(OF_FILE, _describe(warning)) for warning in json.loads(row.warnings or "[]")]
        missing = {task.pool for task in get_version(conn, row.version_id).tasks} - pools
        if missing:
            said.append(
                (NO_POOL, f"cannot start tasks in pools that are not there: {', '.join(sorted(missing))}")
            )
        found += [
            {"dag_id": row.dag_id, "warning_type": kind, "message": text, "timestamp": row.last_parsed}
            for kind, text in said
        ]
    return found


def _describe(warning: Any) -> str:
    if not isinstance(warning, dict):
        return str(warning)
    text = str(warning.get("message") or warning)
    return f"line {warning['line']}: {text}" if warning.get("line") else text
