"""The DAG files of the cell: what each looked like when it was last parsed, and the error if it could not be.

Objects that sync refused are kept here too, for their errors only: a row whose path begins with `s3://` is no file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from runner.store.listing_page import Orders, Page, Window, fetch_page, matches, starts
from runner.store.put import put_rows
from runner.store.schema import dag_file

_ORDERS = Orders(
    {
        "id": dag_file.c.error_id,
        "import_error_id": dag_file.c.error_id,
        "timestamp": dag_file.c.parsed_at,
        "filename": dag_file.c.path,
        "stacktrace": dag_file.c.error,
    },
    dag_file.c.error_id,
)

is_file = dag_file.c.path.not_like("s3://%")
"""Whether a row is a file of a snapshot."""


@dataclass(frozen=True, slots=True)
class DagFile:
    """One file after parsing. `modules`: files of the bundle that it imports, with their digests.

    `bundle` is the newest snapshot in which it was in order.
    """

    path: str
    digest: str
    bundle: str
    parsed_at: float
    seconds: float
    modules: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None
    warnings: Sequence[str] = ()


def list_all(conn: sa.Connection) -> dict[str, DagFile]:
    """Every file that has been parsed and is still there, by path."""
    columns = [column for column in dag_file.c if column.name != "error_id"]
    return {row.path: _read(row) for row in conn.execute(sa.select(*columns).where(is_file))}


def find_dag_file(conn: sa.Connection, path: str) -> DagFile | None:
    """One file as it was last parsed."""
    columns = [column for column in dag_file.c if column.name != "error_id"]
    row = conn.execute(sa.select(*columns).where(dag_file.c.path == path)).first()
    return None if row is None else _read(row)


def put_dag_files(conn: sa.Connection, items: Sequence[DagFile]) -> None:
    """Write what parsing found. A file's error keeps its number for as long as the file exists."""
    put_rows(conn, dag_file, [_write(item) for item in items if item.error is None])
    for item in items:
        if item.error is not None:
            put_rows(conn, dag_file, [{**_write(item), "error_id": _number_error(conn, item.path)}])


def _number_error(conn: sa.Connection, path: str) -> int:
    number = conn.execute(sa.select(dag_file.c.error_id).where(dag_file.c.path == path)).scalar()
    if number is None:
        number = conn.execute(
            sa.select(sa.func.coalesce(sa.func.max(dag_file.c.error_id), 0) + 1)
        ).scalar_one()
    return int(number)


def _write(item: DagFile) -> dict[str, Any]:
    return {
        "path": item.path,
        "digest": item.digest,
        "bundle": item.bundle,
        "modules": json.dumps(dict(item.modules)),
        "parsed_at": item.parsed_at,
        "seconds": item.seconds,
        "error": item.error,
        "warnings": json.dumps(list(item.warnings)),
    }


def delete_dag_files(conn: sa.Connection, paths: list[str]) -> None:
    """Forget files that are gone, and their errors with them."""
    if paths:
        conn.execute(sa.delete(dag_file).where(dag_file.c.path.in_(paths)))


def replace_refused(conn: sa.Connection, errors: Mapping[str, str], now: float) -> list[str]:
    """From now on these objects are refused and no others; the names that are new. An error keeps its number."""
    rows = conn.execute(sa.select(dag_file.c.path, dag_file.c.error).where(~is_file))
    known = {row.path: row.error for row in rows}
    changed = [name for name, error in errors.items() if known.get(name) != error]
    delete_dag_files(conn, [name for name in known if name not in errors])
    put_dag_files(conn, [DagFile(name, "", "", now, 0.0, error=errors[name]) for name in changed])
    return [name for name in changed if name not in known]


def list_import_errors(
    conn: sa.Connection, window: Window, filename: str | None, pattern: str | None, prefix: str | None
) -> Page:
    """A page of files that could not be parsed."""
    conditions = [
        dag_file.c.error.is_not(None),
        *matches(dag_file.c.path, pattern),
        *starts(dag_file.c.path, prefix),
    ]
    if filename is not None:
        conditions.append(dag_file.c.path == filename)
    return fetch_page(conn, sa.select(dag_file).where(*conditions), window, _ORDERS)


def find_import_error(conn: sa.Connection, number: int) -> sa.Row[Any] | None:
    """The file whose error has this number."""
    statement = sa.select(dag_file).where(dag_file.c.error_id == number, dag_file.c.error.is_not(None))
    return conn.execute(statement).first()


def count_import_errors(conn: sa.Connection) -> int:
    """How many files cannot be parsed."""
    statement = sa.select(sa.func.count()).where(dag_file.c.error.is_not(None), is_file)
    return conn.execute(statement).scalar_one()


def _read(row: sa.Row[Any]) -> DagFile:
    values = dict(row._mapping)
    values["modules"], values["warnings"] = json.loads(values["modules"]), json.loads(values["warnings"])
    return DagFile(**values)
