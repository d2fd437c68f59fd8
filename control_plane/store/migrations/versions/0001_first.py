"""Environments, principals, access keys, audit.

Written out as it was at the time, so that later changes of `schema` do not change history.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from control_plane.store import guards

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_STATUSES = (
    "'AVAILABLE', 'CREATE_FAILED', 'CREATING', 'CREATING_SNAPSHOT', 'DELETED', 'DELETING', 'MAINTENANCE', "
    "'PENDING', 'ROLLING_BACK', 'UNAVAILABLE', 'UPDATE_FAILED', 'UPDATING'"
)


def upgrade() -> None:
    _create_environment()
    _create_keys()
    _create_audit()
    guards.install(op.get_bind())


def _create_environment() -> None:
    op.create_table(
        "environment",
        sa.Column("name", sa.String(80), primary_key=True),
        sa.Column("uid", sa.String(32), nullable=False, unique=True),
        sa.Column("arn", sa.Text, nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("status_since", sa.Double, nullable=False),
        sa.Column("spec", sa.Text, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("last_update", sa.Text, nullable=False),
        sa.Column("webserver_url", sa.Text, nullable=False),
        sa.CheckConstraint(f"status IN ({_STATUSES})", name="status"),
        sa.CheckConstraint("generation >= 1", name="generation"),
    )


def _create_keys() -> None:
    op.create_table(
        "principal",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("arn", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
    )
    op.create_table(
        "access_key",
        sa.Column("id", sa.String(128), primary_key=True),
        sa.Column("principal_id", sa.String(32), sa.ForeignKey("principal.id"), nullable=False),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("token_hash", sa.String(64)),
        sa.Column("expires_at", sa.Double),
        sa.CheckConstraint("status IN ('Active', 'Inactive')", name="status"),
        sa.CheckConstraint("(token_hash IS NULL) = (expires_at IS NULL)", name="temporary"),
    )
    op.create_index(None, "access_key", ["principal_id"])


def _create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("access_key_id", sa.String(128)),
        sa.Column("action", sa.String(128), nullable=False),
        sa.Column("resource", sa.Text, nullable=False),
        sa.Column("decision", sa.String(10), nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("source_ip", sa.String(64)),
        sa.CheckConstraint("decision IN ('allow', 'deny')", name="decision"),
        sqlite_autoincrement=True,
    )
    op.create_index(None, "audit", ["at"])
