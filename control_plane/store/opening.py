"""Opening the service database with an error that its owner can read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from control_plane.domain.environment import Environment
from control_plane.store import audit, environments
from control_plane.store.database import ServiceDatabase

T = TypeVar("T")


class CannotOpen(RuntimeError):
    """The database cannot be used; the message is one line."""


def open_prepared(url: str) -> ServiceDatabase:
    """The database with its schema up to date. Raises CannotOpen."""
    try:
        database = ServiceDatabase(url)
        database.prepare()
    except (SQLAlchemyError, ValueError, ImportError) as error:
        raise CannotOpen(
            f"cannot open the service database: {_first_line(error)}; check --database"
        ) from error
    return database


def read_environments(url: str) -> list[Environment]:
    """What a service that may be down has; for `aerodrome status`. Changes nothing. Raises CannotOpen."""
    return _read(url, environments.list_all)


def read_audit(url: str, limit: int, decision: str | None, changes: bool) -> list[audit.Entry]:
    """The newest of the audit trail, for whoever owns the home. Changes nothing. Raises CannotOpen."""
    return _read(url, lambda conn: audit.list_newest(conn, limit, decision, changes))


def verify_audit(url: str, noted: str) -> audit.Verdict:
    """Whether the audit trail is as it was written. Changes nothing. Raises CannotOpen."""
    return _read(url, lambda conn: audit.verify(conn, noted))


def _read(url: str, ask: Callable[[Connection], T]) -> T:
    try:
        database = ServiceDatabase(url)
    except (SQLAlchemyError, ValueError, ImportError) as error:
        raise CannotOpen(f"cannot open the service database: {_first_line(error)}") from error
    try:
        with database.read() as connection:
            return ask(connection)
    except SQLAlchemyError as error:
        raise CannotOpen(f"cannot read the service database: {_first_line(error)}") from error
    finally:
        database.close()


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
