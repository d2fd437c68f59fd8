"""DAGs as parsing found them, their versions, and the pointer to each one's next run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from runner.domain.assets import list_uses
from runner.domain.graph import build
from runner.domain.partition_runs import PARTITIONED, is_partitioned
from runner.domain.spec import DagSpec, read_dag
from runner.domain.timetables import Interval, RunInfo, get_time_part, next_run
from runner.store.assets import drop_dag_assets, put_dag_assets, settle
from runner.store.prepared import run_many
from runner.store.runs import BACKFILL, SCHEDULED
from runner.store.schema import dag, dag_file, dag_run, dag_version

_KNOWN = (
    sa.select(dag.c.dag_id, dag.c.file, dag.c.is_stale, dag_version.c.number, dag_version.c.digest)
    .select_from(dag.join(dag_version, dag_version.c.id == dag.c.version_id))
    .where(
        sa.or_(dag.c.file == sa.bindparam("of_file"), dag.c.dag_id.in_(sa.bindparam("named", expanding=True)))
    )
)
_LAST_INTERVAL = (
    sa.select(dag_run.c.interval_start, dag_run.c.interval_end)
    .where(
        dag_run.c.dag_id == sa.bindparam("of"),
        dag_run.c.run_type.in_([SCHEDULED, BACKFILL]),
        dag_run.c.interval_start.is_not(None),
    )
    .order_by(dag_run.c.logical_date.desc())
    .limit(1)
)
_NEW_VERSION = dag_version.insert().returning(dag_version.c.id)
_NEW_DAG = dag.insert()


@dataclass(frozen=True, slots=True)
class Runnable:
    """What a new run of a DAG is pinned to."""

    dag_id: str
    version_id: int
    bundle: str
    spec: DagSpec


def put_dags(
    conn: sa.Connection,
    bundle: str,
    file: str,
    serialized_dags: Sequence[Mapping[str, Any]],
    now: float,
    paused_at_creation: bool = True,
) -> list[str]:
    """Record what a file of a snapshot holds; the ids of DAGs that are new, changed, back or gone.

    A DAG gets a new version when its serialised form changed. DAGs that the file no longer has become stale.
    Raises BadGraph, BadSchedule or BadAsset, with nothing written, when a DAG cannot be run.
    """
    specs = [read_dag(data) for data in serialized_dags]
    data_of = {spec.dag_id: data for spec, data in zip(specs, serialized_dags, strict=True)}
    pointers = _Pointers(now)
    for spec in specs:
        build(spec.tasks)
        pointers.find(spec, None)
    named = {dag_id for dag_id, data in data_of.items() if list_uses(data)}
    known = _list_known(conn, file, [spec.dag_id for spec in specs])
    changed = [
        spec.dag_id
        for spec in specs
        if _put_dag(
            conn, bundle, spec, data_of[spec.dag_id], pointers, paused_at_creation, known.get(spec.dag_id)
        )
    ]
    news = [
        put_dag_assets(conn, name, data_of[name], now) for name in changed if name in named or name in known
    ]
    if any(news):
        settle(conn)
    gone = known.keys() - {spec.dag_id for spec in specs}
    return changed + _mark_stale(conn, [name for name in sorted(gone) if not known[name].is_stale])


def drop_files(conn: sa.Connection, files: Iterable[str]) -> list[str]:
    """Mark the DAGs of files that are gone as stale; their ids."""
    query = sa.select(dag.c.dag_id).where(dag.c.file.in_(list(files)), dag.c.is_stale == sa.false())
    return _mark_stale(conn, list(conn.execute(query).scalars()))


def set_paused(conn: sa.Connection, dag_id: str, paused: bool) -> bool:
    """Pause or resume a DAG; False when there is no such DAG. Post DagsChanged to the scheduler afterwards."""
    done = conn.execute(dag.update().where(dag.c.dag_id == dag_id).values(is_paused=paused))
    if not paused:
        asked = (dag.c.dag_id == dag_id, dag.c.timetable_kind == "custom")
        conn.execute(dag.update().where(*asked).values(_next_columns(None)))  # to be asked what is next now
    return done.rowcount == 1


def find_runnable(conn: sa.Connection, dag_id: str) -> Runnable | None:
    """The newest version of a DAG, and the snapshot in which its file was last parsed."""
    query = (
        sa.select(dag_version.c.id, dag_version.c.bundle, dag_version.c.data, dag_file.c.bundle)
        .select_from(_newest_version())
        .where(dag.c.dag_id == dag_id)
    )
    row = conn.execute(query).first()
    if row is None:
        return None
    return Runnable(dag_id, row[0], row[3] or row[1], read_dag(json.loads(row[2])))


def get_version(conn: sa.Connection, version_id: int) -> DagSpec:
    """The DAG as a version has it. Raises NoResultFound."""
    query = sa.select(dag_version.c.data).where(dag_version.c.id == version_id)
    return read_dag(json.loads(conn.execute(query).scalar_one()))


def find_last_interval(conn: sa.Connection, dag_id: str) -> Interval | None:
    """The interval of the newest run that the timetable made."""
    row = conn.execute(_LAST_INTERVAL, {"of": dag_id}).first()
    return (row[0], row[1]) if row else None


def set_next_run(conn: sa.Connection, dag_id: str, info: RunInfo | None) -> None:
    """Point at the run that the scheduler makes next; None: there is none."""
    conn.execute(dag.update().where(dag.c.dag_id == dag_id).values(**_next_columns(info)))


@dataclass(frozen=True, slots=True)
class Due:
    """A DAG whose next run is due, and what that run is pinned to."""

    dag_id: str
    version_id: int
    bundle: str
    info: RunInfo


def list_due(conn: sa.Connection, now: float, without: Iterable[str] = (), limit: int = 100) -> list[Due]:
    """DAGs whose next run is due, most overdue first; `without` some of them."""
    pointer = (
        dag.c.next_logical_date,
        dag.c.next_interval_start,
        dag.c.next_interval_end,
        dag.c.next_run_after,
    )
    query = (
        sa.select(dag.c.dag_id, dag.c.version_id, dag_version.c.bundle, dag_file.c.bundle, *pointer)
        .select_from(_newest_version())
        .where(
            dag.c.next_run_after <= now,
            dag.c.is_paused == sa.false(),
            dag.c.is_stale == sa.false(),
            dag.c.dag_id.not_in(list(without)),
        )
        .order_by(dag.c.next_run_after)
        .limit(limit)
    )
    return [Due(row[0], row[1], row[3] or row[2], RunInfo(*row[4:])) for row in conn.execute(query)]


def find_next_due(conn: sa.Connection, after: float) -> float | None:
    """When the next run falls due that is not due yet at `after`."""
    query = sa.select(sa.func.min(dag.c.next_run_after)).where(
        dag.c.next_run_after > after, dag.c.is_paused == sa.false(), dag.c.is_stale == sa.false()
    )
    return conn.execute(query).scalar()


def list_paused(conn: sa.Connection) -> set[str]:
    """The ids of all paused DAGs."""
    return set(conn.execute(sa.select(dag.c.dag_id).where(dag.c.is_paused == sa.true())).scalars())


def list_stale(conn: sa.Connection) -> set[str]:
    """The ids of all DAGs that no file has any more."""
    return set(conn.execute(sa.select(dag.c.dag_id).where(dag.c.is_stale == sa.true())).scalars())


def _newest_version() -> sa.FromClause:
    versioned = dag.join(dag_version, dag_version.c.id == dag.c.version_id)
    return versioned.outerjoin(dag_file, dag_file.c.path == dag.c.file)


def _list_known(conn: sa.Connection, file: str, dag_ids: list[str]) -> dict[str, Any]:
    return {row.dag_id: row for row in conn.execute(_KNOWN, {"of_file": file, "named": dag_ids})}


def _put_dag(
    conn: sa.Connection,
    bundle: str,
    spec: DagSpec,
    data: Mapping[str, Any],
    pointers: _Pointers,
    paused_at_creation: bool,
    known: Any,
) -> bool:
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    digest, now = hashlib.sha256(text.encode()).hexdigest(), pointers.now
    values: dict[str, Any] = {"file": spec.file, "is_stale": False, "last_parsed": now}
    kind = get_time_part(spec.timetable).get("kind", "null")
    values["timetable_kind"] = PARTITIONED if is_partitioned(spec.timetable) else kind
    if known is not None and known.digest == digest and not known.is_stale:
        conn.execute(dag.update().where(dag.c.dag_id == spec.dag_id).values(values))
        return False
    if known is None or known.digest != digest:
        version = {"dag_id": spec.dag_id, "number": (known.number if known else 0) + 1, "digest": digest}
        version |= {"bundle": bundle, "created_at": now, "data": text}
        values["version_id"] = conn.execute(_NEW_VERSION, version).scalar_one()
    last = find_last_interval(conn, spec.dag_id) if known is not None else None
    values |= _next_columns(pointers.find(spec, last))
    if known is not None:
        conn.execute(dag.update().where(dag.c.dag_id == spec.dag_id).values(values))
        return True
    chosen = spec.is_paused_upon_creation
    values |= {"dag_id": spec.dag_id, "first_seen": now}
    values["is_paused"] = paused_at_creation if chosen is None else chosen
    run_many(conn, _NEW_DAG, [values])
    return True


class _Pointers:
    """Next runs at one moment, each worked out once: it is checked and then used, and DAGs share schedules."""

    def __init__(self, now: float) -> None:
        self.now = now
        self._found: dict[tuple[Any, ...], RunInfo | None] = {}

    def find(self, spec: DagSpec, last: Interval | None) -> RunInfo | None:
        """The run to make after `last`. Raises BadSchedule."""
        limits = last, spec.first, spec.last, spec.catchup
        key = (json.dumps(spec.timetable, sort_keys=True), *limits)
        if key not in self._found:
            self._found[key] = next_run(spec.timetable, *limits, self.now)
        return self._found[key]


def _mark_stale(conn: sa.Connection, dag_ids: list[str]) -> list[str]:
    if dag_ids:
        conn.execute(dag.update().where(dag.c.dag_id.in_(dag_ids)).values(is_stale=True))
        if drop_dag_assets(conn, dag_ids):
            settle(conn)
    return dag_ids


def _next_columns(info: RunInfo | None) -> dict[str, float | None]:
    return {
        "next_logical_date": info.logical_date if info else None,
        "next_interval_start": info.interval_start if info else None,
        "next_interval_end": info.interval_end if info else None,
        "next_run_after": info.run_after if info else None,
    }
