"""Which version do runs go on with that are cleared or backfilled: their own, or the newest?"""

from __future__ import annotations

import sqlalchemy as sa

from runner.api.context import CellContext
from runner.store.dags import find_runnable


def wants_latest(
    cell: CellContext, conn: sa.Connection, dag_id: str, asked: bool | None, fallback: bool = False
) -> bool:
    """The newest, if the request says so; else as the DAG, then the configuration, then `fallback` says."""
    if asked is not None:
        return asked
    runnable = find_runnable(conn, dag_id)
    if runnable is not None and runnable.spec.rerun_with_latest_version is not None:
        return runnable.spec.rerun_with_latest_version
    return cell.spec.flag("core", "rerun_with_latest_version", fallback)
