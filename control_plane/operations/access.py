"""What a principal may do, as the database has it. A policy is read once, however often it is used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection

from control_plane.bounded import Bounded
from control_plane.iam.authorize import Caller
from control_plane.iam.evaluate import Policies, Source
from control_plane.iam.grammar import parse
from control_plane.iam.managed import MANAGED_TEXTS
from control_plane.iam.policy import Kind, Policy
from control_plane.store import policies
from control_plane.store.keys import Key
from control_plane.store.principals import Principal

_KEPT = 2000


@dataclass(frozen=True, slots=True)
class PolicyReader:
    """Documents to policies; keeps what it has read, by its text."""

    kept: Bounded[tuple[str, Kind], Policy] = field(default_factory=lambda: Bounded(_KEPT))

    def read(self, name: str, document: str, kind: Kind = Kind.IDENTITY) -> Source:
        """The policy of a document that was checked when it was written."""
        found = self.kept.find((document, kind))
        if found is None:
            found = parse(document, kind)
            self.kept.put((document, kind), found)
        return Source(name, found, document)


def find_document(conn: Connection, arn: str) -> str | None:
    """The document of a managed policy, ours or AWS's."""
    if arn in MANAGED_TEXTS:
        return MANAGED_TEXTS[arn]
    found = policies.find(conn, arn)
    return None if found is None else found.document


def load_policies(
    conn: Connection, reader: PolicyReader, principal: Principal, session: Iterable[str] | None = None
) -> Policies:
    """Everything that has a say about a principal; `session` are the documents that limit its session."""
    listed = ((name, text or MANAGED_TEXTS.get(name)) for name, text in policies.list_own(conn, principal.id))
    own = [reader.read(name.rpartition("/")[2], text) for name, text in listed if text is not None]
    boundary = None if principal.boundary is None else tuple(_managed(conn, reader, [principal.boundary]))
    limits = None if session is None else tuple(reader.read("session", text) for text in session)
    return Policies(tuple(own), boundary, limits)


def make_caller(conn: Connection, reader: PolicyReader, key: Key) -> Caller:
    """The caller behind a key whose signature was verified."""
    principal = key.principal
    is_role = principal.kind == "role"
    name = key.session.get("name", "")
    return Caller(
        arn=key.session.get("arn", principal.arn),
        access_key_id=key.access_key_id,
        principal_arn=principal.arn,
        principal_id=principal.id,
        user_id=f"{principal.id}:{name}" if is_role else principal.id,
        username=None if is_role else principal.name,
        issued_at=None if key.token_hash is None else key.created_at,
        tags={**principal.details.get("Tags", {}), **key.session.get("tags", {})},
        source=key.session.get("source"),
        policies=load_policies(conn, reader, principal, key.session.get("policies")),
    )


def _managed(conn: Connection, reader: PolicyReader, arns: Iterable[str]) -> list[Source]:
    """One that is gone allows nothing."""
    found = ((arn, find_document(conn, arn)) for arn in arns)
    return [reader.read(arn.rpartition("/")[2], text) for arn, text in found if text is not None]
