"""Where each cell keeps its metadata: a SQLite file in its own home, or a PostgreSQL database of its own."""

from __future__ import annotations

import hashlib
from pathlib import Path

from airflow._wire.layout import Layout
from sqlalchemy import URL, Connection, create_engine, make_url, text

from control_plane.domain.environment import Environment

_NAME_LIMIT = 63


class CellDatabases:
    """Makes and drops cells' databases on the server of the service's own, when that is PostgreSQL."""

    def __init__(self, service_url: str | None) -> None:
        self._server: URL | None = None
        if service_url is not None and make_url(service_url).get_backend_name() == "postgresql":
            self._server = make_url(service_url).set(drivername="postgresql+psycopg")

    def ensure(self, environment: Environment, home: Path) -> str:
        """The URL of the cell's database, which is created when the server does not have it."""
        if self._server is None:
            return f"sqlite:///{Layout(home).database}"
        name = database_name(environment)
        with _administer(self._server) as connection:
            known = connection.execute(
                text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name}
            )
            if known.scalar() is None:
                connection.execute(text(f"CREATE DATABASE {_quoted(connection, name)}"))
        return self._server.set(database=name).render_as_string(hide_password=False)

    def drop(self, environment: Environment) -> None:
        """Remove the cell's database; a SQLite file goes with the cell's home."""
        if self._server is None:
            return
        with _administer(self._server) as connection:
            name = _quoted(connection, database_name(environment))
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


def database_name(environment: Environment) -> str:
    """aerodrome_<environment>; a name too long for PostgreSQL ends in a digest of the whole."""
    name = f"aerodrome_{environment.name}"
    if len(name) <= _NAME_LIMIT:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: _NAME_LIMIT - 9]}_{digest}"


class _administer:
    """A connection outside transactions, as CREATE DATABASE needs it; nothing stays open."""

    def __init__(self, server: URL) -> None:
        self._engine = create_engine(server, isolation_level="AUTOCOMMIT")

    def __enter__(self) -> Connection:
        self._connection = self._engine.connect()
        return self._connection

    def __exit__(self, *error: object) -> None:
        self._connection.close()
        self._engine.dispose()


def _quoted(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote_identifier(name)
