"""Alembic, run from code: imported only when an older database is found, or to write a new revision."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config


def config(conn: sa.Connection) -> Config:
    """Alembic's settings for this connection."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    settings.attributes["connection"] = conn
    return settings


def upgrade(conn: sa.Connection, revision: str = "head") -> None:
    """Run the migrations that the database has not seen."""
    command.upgrade(config(conn), revision)


def write_revision(conn: sa.Connection, message: str, identifier: str) -> None:
    """Compare the database with `schema` and write what differs as a new file in migrations/versions."""
    command.revision(config(conn), message, autogenerate=True, rev_id=identifier)
