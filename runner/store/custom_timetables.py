"""DAGs whose next run only their own timetable knows: those that must be asked, and what it said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from runner.domain.timetables import RunInfo
from runner.store.dag_files import DagFile, find_dag_file, put_dag_files
from runner.store.schema import dag, dag_file, dag_version

_COMPLAINT = "cannot ask the timetable of DAG"


def list_unknown(conn: sa.Connection) -> Sequence[Any]:
    """DAGs with a timetable of the user's own and no next run: dag_id, version_id, file, bundle, last_parsed."""
    bundle = sa.func.coalesce(dag_file.c.bundle, dag_version.c.bundle).label("bundle")
    query = (
        sa.select(dag.c.dag_id, dag.c.version_id, dag.c.file, bundle, dag.c.last_parsed)
        .select_from(
            dag.join(dag_version, dag_version.c.id == dag.c.version_id).outerjoin(
                dag_file, dag_file.c.path == dag.c.file
            )
        )
        .where(dag.c.timetable_kind == "custom", dag.c.next_run_after.is_(None), dag.c.is_stale == sa.false())
        .order_by(dag.c.dag_id)
    )
    return conn.execute(query).all()


def set_next_run(conn: sa.Connection, dag_id: str, version_id: int, info: RunInfo) -> bool:
    """Point at the run that the timetable asked for; False when the DAG changed while it was asked."""
    values = {
        "next_logical_date": info.logical_date,
        "next_interval_start": info.interval_start,
        "next_interval_end": info.interval_end,
        "next_run_after": info.run_after,
    }
    asked = (dag.c.dag_id == dag_id, dag.c.version_id == version_id, dag.c.next_run_after.is_(None))
    return conn.execute(dag.update().where(*asked).values(values)).rowcount == 1


def set_complaint(conn: sa.Connection, path: str, dag_id: str, why: str | None) -> None:
    """Show as the file's import error why its timetable cannot be asked; None takes that back.

    An error of the file's own stays.
    """
    item = find_dag_file(conn, path)
    if item is None:
        return
    complaint = None if why is None else f"{_COMPLAINT} {dag_id!r} when its next run is:\n{why}"
    ours = item.error is not None and item.error.startswith(f"{_COMPLAINT} {dag_id!r} ")
    if item.error == complaint or (item.error is not None and not ours):
        return
    values = {name: getattr(item, name) for name in DagFile.__dataclass_fields__}
    put_dag_files(conn, [DagFile(**{**values, "error": complaint})])
