"""The audit trail: who asked for what, and what was decided. It only grows.

Every row carries a hash of itself and of the hash before it: whoever changes, removes or slips in a row changes every
hash after it. Someone who writes them all anew is found out by a hash that was noted elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Literal

from sqlalchemy import Connection, false, func, insert, not_, or_, select, text

from control_plane.store.schema import audit as table

_PAGE = 1000
_READS = ("Get", "List", "Simulate")
_LOCK = 4715833


@dataclass(frozen=True, slots=True)
class Entry:
    """One decision. Never holds a token, a secret or a configuration value."""

    at: float
    caller: str
    action: str
    resource: str
    decision: Literal["allow", "deny"]
    request_id: str
    access_key_id: str | None = None
    reason: str | None = None
    source_ip: str | None = None
    detail: str | None = None
    """What the request named: members, a method and path; no values."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify` found."""

    rows: int
    """With a hash that is right."""
    unchained: int
    """From before there were hashes."""
    head: str
    """The hash of the newest row; '' when there is none."""
    broken: int | None = None
    """The first row whose hash is wrong."""
    seen: bool = True
    """Whether the hash that was asked for is one of them."""


def append(conn: Connection, *entries: Entry) -> None:
    """Add decisions, in their order."""
    if conn.dialect.name == "postgresql":  # SQLite has one writer anyway; a chain can have no two
        conn.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    newest = select(table.c.chain).order_by(table.c.id.desc()).limit(1)
    chain = conn.execute(newest).scalar() or ""
    for entry in entries:
        chain = link(chain, entry)
        conn.execute(insert(table).values(**asdict(entry), chain=chain))


def link(before: str, entry: Entry) -> str:
    """The hash of a row, given the one before. Members that are None do not count: later ones may be added."""
    members = {key: one for key, one in asdict(entry).items() if one is not None}
    return hashlib.sha256(f"{before}\n{json.dumps(members, sort_keys=True)}".encode()).hexdigest()


def verify(conn: Connection, noted: str = "") -> Verdict:
    """Read the whole trail and compute every hash again; `noted` is one that must be among them."""
    rows, unchained, after, chain, seen = 0, 0, 0, "", noted == ""
    while page := conn.execute(
        select(table).where(table.c.id > after).order_by(table.c.id).limit(_PAGE)
    ).all():
        for row in page:
            after = row.id
            if row.chain is None and not chain:
                unchained += 1
                continue
            chain = link(chain, Entry(**{key: getattr(row, key) for key in Entry.__slots__}))
            if row.chain != chain:
                return Verdict(rows, unchained, chain, row.id, seen)
            rows, seen = rows + 1, seen or chain == noted
    return Verdict(rows, unchained, chain, None, seen)


def list_page(conn: Connection, after: int, limit: int) -> list[tuple[int, Entry]]:
    """Up to `limit` entries whose numbers come after `after`, oldest first, with their numbers."""
    rows = conn.execute(select(table).where(table.c.id > after).order_by(table.c.id).limit(limit))
    return [(row.id, Entry(**{key: getattr(row, key) for key in Entry.__slots__})) for row in rows]


def list_newest(
    conn: Connection, limit: int, decision: str | None = None, changes: bool = False
) -> list[Entry]:
    """The newest entries, newest first; only refusals with decision 'deny', no reads with `changes`."""
    query = select(table).order_by(table.c.id.desc()).limit(limit)
    if decision is not None:
        query = query.where(table.c.decision == decision)
    if changes:
        verbs = or_(
            *(table.c.action.contains(f":{verb}") for verb in _READS), table.c.detail.startswith("GET /")
        )
        query = query.where(or_(table.c.decision == "deny", not_(func.coalesce(verbs, false()))))
    return [Entry(**{key: getattr(row, key) for key in Entry.__slots__}) for row in conn.execute(query)]
