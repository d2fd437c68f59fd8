"""Which version do runs go on with that are cleared or backfilled: their own, or the newest?"""

from __future__ import annotations

import sqlalchemy as sa

from runner.api.context import CellContext
from runner.store.dags import find_runnable


def wants_latest(cell: CellContext, conn: sa.Connection, dag_id: str, asked: bool | None) -> bool:
    """The newest, unless the request, then the DAG, then the configuration says that they keep their own.

    Whoever clears a task of an environment of MWAA has mended its file before: there nothing but the newest is left.
    """
    if asked is not None:
        return asked
    runnable = find_runnable(conn, dag_id)
    if runnable is not None and runnable.spec.rerun_with_latest_version is not None:
        return runnable.spec.rerun_with_latest_version
    return cell.spec.flag("core", "rerun_with_latest_version", True)
