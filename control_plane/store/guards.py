"""Triggers that no CHECK can express: the audit trail only grows."""

from __future__ import annotations

from sqlalchemy import Connection, text

_MESSAGE = "the audit trail is append only"

_SQLITE = [
    f"CREATE TRIGGER audit_no_{verb.lower()} BEFORE {verb} ON audit "
    f"BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END"
    for verb in ("UPDATE", "DELETE")
]

_POSTGRESQL = [
    "CREATE FUNCTION audit_append_only() RETURNS trigger AS "
    f"$$ BEGIN RAISE EXCEPTION '{_MESSAGE}'; END $$ LANGUAGE plpgsql",
    "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()",
]


def install(connection: Connection) -> None:
    """Create the triggers in a fresh database."""
    for statement in _SQLITE if connection.dialect.name == "sqlite" else _POSTGRESQL:
        connection.execute(text(statement))
