"""Sessions of the web hosts and the login tokens that were spent. A session's secret is kept as its hash only."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from control_plane.store.schema import spent_token
from control_plane.store.schema import web_session as table


@dataclass(frozen=True, slots=True)
class WebSession:
    """Somebody who is signed in to one environment."""

    id_hash: str
    environment: str
    """The environment's uid."""
    access_key_id: str
    """The key that the login token was asked for with: what it may no longer do, the session may not either."""
    role: str
    created_at: float
    expires_at: float
    seen_at: float


def hash_id(secret: str) -> str:
    """What the database knows of a session's secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def insert_session(conn: Connection, session: WebSession) -> None:
    """Keep a new session."""
    conn.execute(insert(table).values(**asdict(session)))


def find(conn: Connection, id_hash: str) -> WebSession | None:
    """The session of that hash, expired or not."""
    row = conn.execute(select(table).where(table.c.id_hash == id_hash)).one_or_none()
    return None if row is None else WebSession(**{key: getattr(row, key) for key in WebSession.__slots__})


def put_seen(conn: Connection, id_hash: str, now: float) -> None:
    """It was used."""
    conn.execute(update(table).where(table.c.id_hash == id_hash).values(seen_at=now))


def delete_session(conn: Connection, id_hash: str) -> bool:
    """Forget one. False when there is none."""
    return bool(conn.execute(delete(table).where(table.c.id_hash == id_hash)).rowcount)


def delete_old(conn: Connection, now: float, idle_since: float) -> None:
    """Forget what has expired."""
    conn.execute(delete(table).where((table.c.expires_at <= now) | (table.c.seen_at <= idle_since)))
    conn.execute(delete(spent_token).where(spent_token.c.expires_at <= now))


def spend(conn: Connection, token_id: str, expires_at: float) -> bool:
    """Use up a single-use token. False when it has been used: of many at once, one is first."""
    try:
        with conn.begin_nested():
            conn.execute(insert(spent_token).values(id=token_id, expires_at=expires_at))
    except IntegrityError:
        return False
    return True
