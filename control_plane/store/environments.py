"""Environments in the database. Every change of status is conditional on the status it starts from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row, select
from sqlalchemy.exc import IntegrityError

from control_plane.domain.environment import Environment, EnvironmentSpec, LastUpdate, Strategy
from control_plane.domain.errors import not_found
from control_plane.domain.status import UPDATABLE, Status, is_edge
from control_plane.store.schema import environment as table

_AT_WORK = (Status.CREATING, Status.UPDATING, Status.CREATING_SNAPSHOT, Status.ROLLING_BACK)


def insert(conn: Connection, environment: Environment) -> bool:
    """Keep a new environment. False when the name is taken."""
    try:
        with conn.begin_nested():
            conn.execute(sa.insert(table).values(**_to_row(environment)))
    except IntegrityError:
        if find(conn, environment.name) is None:
            raise
        return False
    return True


def find(conn: Connection, name: str, lock: bool = False) -> Environment | None:
    """The environment of that name; with `lock`, nobody else changes it before this transaction ends."""
    query = select(table).where(table.c.name == name)
    row = conn.execute(query.with_for_update() if lock else query).one_or_none()
    return None if row is None else _from_row(row)


def find_by_uid(conn: Connection, uid: str) -> Environment | None:
    """The environment of that uid."""
    row = conn.execute(select(table).where(table.c.uid == uid)).one_or_none()
    return None if row is None else _from_row(row)


def get(conn: Connection, name: str, lock: bool = False) -> Environment:
    """The environment of that name, as `find` has it. Raises ServiceError(NOT_FOUND)."""
    found = find(conn, name, lock)
    if found is None:
        raise not_found(name)
    return found


def list_page(conn: Connection, after: str, limit: int) -> list[Environment]:
    """Up to `limit` environments whose names come after `after`, by name."""
    query = select(table).where(table.c.name > after).order_by(table.c.name).limit(limit)
    return [_from_row(row) for row in conn.execute(query)]


def list_all(conn: Connection) -> list[Environment]:
    """Every environment, by name; for the reconciler."""
    return [_from_row(row) for row in conn.execute(select(table).order_by(table.c.name))]


def transition(
    conn: Connection,
    name: str,
    from_statuses: Iterable[Status],
    to_status: Status,
    now: float,
    last_update: LastUpdate | None = None,
) -> bool:
    """Change the status when it is one of `from_statuses`. False when it is not, or the environment is gone.

    Raises ValueError for an edge the status table does not have: that is a mistake in the caller.
    """
    return _change(conn, name, from_statuses, to_status, now, last_update)


def put_wanted(
    conn: Connection, name: str, wanted: EnvironmentSpec, strategy: Strategy, update: LastUpdate
) -> bool:
    """Ask for another spec: UPDATING from here on. False when the status does not allow an update."""
    asked = {"wanted": json.dumps(wanted), "strategy": strategy}
    return _change(conn, name, UPDATABLE, Status.UPDATING, update.created_at, update, asked)


def apply_wanted(conn: Connection, name: str, now: float, update: LastUpdate) -> bool:
    """The update is done: the spec is what was wanted, AVAILABLE. False when none is pending."""
    done = {"spec": table.c.wanted, "wanted": None, "generation": table.c.generation + 1, "paused": None}
    pending = table.c.wanted.is_not(None)
    return _change(conn, name, [Status.UPDATING], Status.AVAILABLE, now, update, done, pending)


def drop_wanted(
    conn: Connection,
    name: str,
    from_statuses: Iterable[Status],
    to_status: Status,
    now: float,
    update: LastUpdate,
) -> bool:
    """The update is given up: the spec is what it was. To UPDATE_FAILED, or to UNAVAILABLE when even that fails."""
    return _change(conn, name, from_statuses, to_status, now, update, {"wanted": None, "paused": None})


def put_pause(conn: Connection, name: str, strategy: Strategy, update: LastUpdate) -> bool:
    """Ask for no processes: UPDATING until there are none. False when the status does not allow it, or it is paused.

    One that is waiting for its tasks may be asked to wait no longer.
    """
    running = table.c.paused.is_(None)
    asked = {"paused": strategy}
    hurried = (table.c.name == name, table.c.status == Status.UPDATING.value, table.c.paused == "GRACEFUL")
    if strategy == "FORCED" and conn.execute(sa.update(table).where(*hurried).values(**asked)).rowcount:
        return True
    return _change(conn, name, UPDATABLE, Status.UPDATING, update.created_at, update, asked, running)


def end_pause(conn: Connection, name: str, now: float, update: LastUpdate) -> bool:
    """No process is left: UNAVAILABLE until it is resumed, or updated."""
    asked = (table.c.paused.is_not(None), table.c.wanted.is_(None))
    return _change(conn, name, [Status.UPDATING], Status.UNAVAILABLE, now, update, None, *asked)


def put_resume(conn: Connection, name: str, update: LastUpdate) -> bool:
    """Ask for the processes of a paused environment again. False when it is not paused."""
    paused = table.c.paused.is_not(None)
    where = (table.c.name == name, table.c.status == Status.UNAVAILABLE.value, paused)
    values = {"paused": None, "last_update": json.dumps(update.to_json())}
    return conn.execute(sa.update(table).where(*where).values(**values)).rowcount == 1


def drop_origin(conn: Connection, name: str) -> None:
    """What the environment was made from is in its cell now."""
    conn.execute(sa.update(table).where(table.c.name == name).values(origin=None))


def put_tags(conn: Connection, name: str, tags: Mapping[str, str]) -> None:
    """Set the tags, now and in what a pending update wants: tags change at once, whatever the status."""
    found = get(conn, name, lock=True)
    specs = {"spec": found.spec, "wanted": found.wanted}
    values = {
        key: json.dumps({**spec, "Tags": dict(tags)}) for key, spec in specs.items() if spec is not None
    }
    conn.execute(sa.update(table).where(table.c.name == name).values(**values))


def _change(
    conn: Connection,
    name: str,
    from_statuses: Iterable[Status],
    to_status: Status,
    now: float,
    last_update: LastUpdate | None,
    also: Mapping[str, Any] | None = None,
    *conditions: sa.ColumnElement[bool],
) -> bool:
    sources = sorted(from_statuses)
    for source in sources:
        if not is_edge(source, to_status):
            raise ValueError(
                f"cannot go from {source} to {to_status}: control_plane.domain.status has no such edge"
            )
    values: dict[str, Any] = {**(also or {}), "status": to_status.value, "status_since": now}
    if last_update is not None:
        values["last_update"] = json.dumps(last_update.to_json())
    where = (table.c.name == name, table.c.status.in_(sources), *conditions)
    return conn.execute(sa.update(table).where(*where).values(**values)).rowcount == 1


def put_progress(conn: Connection, name: str, step: str) -> None:
    """Show what is being done to an environment while it is made or changed, as the source of its last update."""
    found = find(conn, name)
    if found is None or found.status not in _AT_WORK:
        return
    shown = json.dumps(replace(found.last_update, source=step).to_json())
    query = sa.update(table).where(table.c.name == name, table.c.status == found.status.value)
    conn.execute(query.values(last_update=shown))


def put_last_update(
    conn: Connection, name: str, generation: int, statuses: Iterable[Status], update: LastUpdate
) -> bool:
    """Say how something went that changes neither spec nor status. False when either has changed meanwhile."""
    unchanged = (
        table.c.name == name,
        table.c.generation == generation,
        table.c.status.in_(sorted(statuses)),
        table.c.wanted.is_(None),
    )
    query = sa.update(table).where(*unchanged).values(last_update=json.dumps(update.to_json()))
    return conn.execute(query).rowcount == 1


def delete(conn: Connection, name: str) -> bool:
    """Forget an environment whose cell is gone. False when it is not DELETING: nothing else may vanish."""
    query = sa.delete(table).where(table.c.name == name, table.c.status == Status.DELETING.value)
    return conn.execute(query).rowcount == 1


def _to_row(environment: Environment) -> dict[str, Any]:
    return {
        "name": environment.name,
        "uid": environment.uid,
        "arn": environment.arn,
        "status": environment.status.value,
        "status_since": environment.status_since,
        "spec": json.dumps(environment.spec),
        "generation": environment.generation,
        "created_at": environment.created_at,
        "last_update": json.dumps(environment.last_update.to_json()),
        "webserver_url": environment.webserver_url,
        "wanted": None if environment.wanted is None else json.dumps(environment.wanted),
        "strategy": environment.strategy,
        "paused": environment.paused,
        "origin": environment.origin,
    }


def _from_row(row: Row[Any]) -> Environment:
    return Environment(
        name=row.name,
        uid=row.uid,
        arn=row.arn,
        status=Status(row.status),
        status_since=row.status_since,
        spec=json.loads(row.spec),
        generation=row.generation,
        created_at=row.created_at,
        last_update=LastUpdate.from_json(json.loads(row.last_update)),
        webserver_url=row.webserver_url,
        wanted=None if row.wanted is None else json.loads(row.wanted),
        strategy=row.strategy,
        paused=row.paused,
        origin=row.origin,
    )
