"""The tables of the service database, for SQLite and PostgreSQL alike.

Times are epoch seconds (float). JSON columns are text. CHECK constraints refuse rows that cannot be.
"""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

from control_plane.domain.status import Status

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_STATUSES = ", ".join(f"'{status}'" for status in sorted(Status))

environment = Table(
    "environment",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("uid", String(32), nullable=False, unique=True, comment="a name created again gets another"),
    Column("arn", Text, nullable=False),
    Column("status", String(20), nullable=False),
    Column("status_since", Double, nullable=False),
    Column(
        "spec", Text, nullable=False, comment="JSON: the members of CreateEnvironment, defaults filled in"
    ),
    Column("generation", Integer, nullable=False, comment="counts the specs it has had"),
    Column("created_at", Double, nullable=False),
    Column("last_update", Text, nullable=False, comment="JSON: LastUpdate of the model"),
    Column("webserver_url", Text, nullable=False, comment="bare host[:port]"),
    Column("wanted", Text, comment="JSON: the whole spec an update asks for; null when nothing is pending"),
    Column("strategy", String(10), nullable=False, server_default="GRACEFUL", comment="of the update"),
    Column("paused", String(10), comment="a strategy: no process of it shall run; null when it shall"),
    Column(
        "origin", Text, comment="the archive that it is made from; null when it begins empty or has begun"
    ),
    Column(
        "secret_keys", LargeBinary, comment="sealed: what its cell seals secrets with; null before it has any"
    ),
    CheckConstraint(f"status IN ({_STATUSES})", name="status"),
    CheckConstraint("generation >= 1", name="generation"),
    CheckConstraint("strategy IN ('FORCED', 'GRACEFUL')", name="strategy"),
    CheckConstraint("paused IN ('FORCED', 'GRACEFUL')", name="paused"),
)

principal = Table(
    "principal",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("arn", Text, nullable=False, unique=True),
    Column("name", String(128), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("kind", String(10), nullable=False, server_default="user", comment="user, role or group"),
    Column("path", Text, nullable=False, server_default="/"),
    Column("boundary", Text, comment="ARN of the managed policy that limits it"),
    Column("trust", Text, comment="JSON of a role: who may assume it"),
    Column("details", Text, nullable=False, server_default="{}", comment="JSON: Description, Tags ..."),
    Index(None, "kind", "name", unique=True),
)

policy = Table(
    "policy",
    metadata,
    Column("arn", Text, primary_key=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("name", String(128), nullable=False),
    Column("path", Text, nullable=False),
    Column("description", Text),
    Column("document", Text, nullable=False, comment="JSON in force: that of the default version"),
    Column("created_at", Double, nullable=False),
    Column("default_version", Integer, nullable=False, server_default="1"),
    Column(
        "latest_version", Integer, nullable=False, server_default="1", comment="numbers are not given twice"
    ),
    Column("updated_at", Double),
    Column("tags", Text, nullable=False, server_default="{}", comment="JSON"),
    comment="managed policies of the account; AWS's own are in control_plane.iam.managed",
)

policy_version = Table(
    "policy_version",
    metadata,
    Column("policy_arn", Text, ForeignKey("policy.arn"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("document", Text, nullable=False, comment="JSON, as its owner wrote it"),
    Column("created_at", Double, nullable=False),
)

inline_policy = Table(
    "inline_policy",
    metadata,
    Column("principal_id", String(32), ForeignKey("principal.id"), primary_key=True),
    Column("name", String(128), primary_key=True),
    Column("document", Text, nullable=False),
)

attachment = Table(
    "attachment",
    metadata,
    Column("principal_id", String(32), ForeignKey("principal.id"), primary_key=True),
    Column("policy_arn", Text, primary_key=True),
    Index(None, "policy_arn"),
)

membership = Table(
    "membership",
    metadata,
    Column("user_id", String(32), ForeignKey("principal.id"), primary_key=True),
    Column("group_id", String(32), ForeignKey("principal.id"), primary_key=True),
    Index(None, "group_id"),
)

access_key = Table(
    "access_key",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("principal_id", String(32), ForeignKey("principal.id"), nullable=False),
    Column("secret", LargeBinary, nullable=False, comment="encrypted with the master key"),
    Column("status", String(10), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("token_hash", String(64), comment="sha256 of the session token of a temporary key"),
    Column("expires_at", Double, comment="of a temporary key"),
    Column("session", Text, comment="JSON of a temporary key: its ARN, name and policies"),
    CheckConstraint("status IN ('Active', 'Inactive')", name="status"),
    CheckConstraint("(token_hash IS NULL) = (expires_at IS NULL)", name="temporary"),
    Index(None, "principal_id"),
)

web_session = Table(
    "web_session",
    metadata,
    Column("id_hash", String(64), primary_key=True, comment="sha256 of the cookie's value"),
    Column("environment", String(32), nullable=False, comment="uid of the environment"),
    Column("access_key_id", String(128), nullable=False),
    Column("role", String(10), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("seen_at", Double, nullable=False),
    Index(None, "expires_at"),
)

spent_token = Table(
    "spent_token",
    metadata,
    Column("id", String(32), primary_key=True, comment="of a login token, until it would expire"),
    Column("expires_at", Double, nullable=False),
    comment="login tokens are good once",
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Double, nullable=False),
    Column("caller", Text, nullable=False, comment="principal ARN; '-' when nobody was recognised"),
    Column("access_key_id", String(128)),
    Column("action", String(128), nullable=False),
    Column("resource", Text, nullable=False),
    Column("decision", String(10), nullable=False),
    Column("reason", Text),
    Column("request_id", String(64), nullable=False),
    Column("source_ip", String(64)),
    Column("detail", Text, comment="what the request named; no values"),
    Column(
        "chain", String(64), comment="hash of this row and of the chain before it; null in rows older than it"
    ),
    CheckConstraint("decision IN ('allow', 'deny')", name="decision"),
    Index(None, "at"),
    sqlite_autoincrement=True,
    comment="append only: a trigger refuses changes",
)
