"""Users and roles with their policies, and sessions. Who was there before keeps every right it had."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("principal", sa.Column("kind", sa.String(10), nullable=False, server_default="user"))
    op.add_column("principal", sa.Column("path", sa.Text, nullable=False, server_default="/"))
    op.add_column("principal", sa.Column("boundary", sa.Text))
    op.add_column("principal", sa.Column("trust", sa.Text))
    op.add_column("principal", sa.Column("details", sa.Text, nullable=False, server_default="{}"))
    op.create_index("ix_principal_kind_name", "principal", ["kind", "name"], unique=True)
    op.add_column("access_key", sa.Column("session", sa.Text))
    _create_policies()
    op.execute(
        "INSERT INTO attachment (principal_id, policy_arn) "
        "SELECT id, 'arn:aws:iam::aws:policy/AdministratorAccess' FROM principal WHERE name = 'admin'"
    )


def _create_policies() -> None:
    op.create_table(
        "policy",
        sa.Column("arn", sa.Text, primary_key=True),
        sa.Column("id", sa.String(32), nullable=False, unique=True),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
    )
    op.create_table(
        "inline_policy",
        sa.Column("principal_id", sa.String(32), sa.ForeignKey("principal.id"), primary_key=True),
        sa.Column("name", sa.String(128), primary_key=True),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_table(
        "attachment",
        sa.Column("principal_id", sa.String(32), sa.ForeignKey("principal.id"), primary_key=True),
        sa.Column("policy_arn", sa.Text, primary_key=True),
    )
    op.create_index("ix_attachment_policy_arn", "attachment", ["policy_arn"])
