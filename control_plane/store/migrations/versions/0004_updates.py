"""What an environment is to become, versions of policies, and the chain of the audit trail."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("environment", sa.Column("wanted", sa.Text))
    op.execute(  # a constraint can be added to a column that is new, without copying the table
        "ALTER TABLE environment ADD COLUMN strategy VARCHAR(10) DEFAULT 'GRACEFUL' NOT NULL "
        "CONSTRAINT ck_environment_strategy CHECK (strategy IN ('FORCED', 'GRACEFUL'))"
    )
    op.add_column("audit", sa.Column("detail", sa.Text))
    op.add_column("audit", sa.Column("chain", sa.String(64)))
    _create_versions()


def _create_versions() -> None:
    op.add_column("policy", sa.Column("default_version", sa.Integer, nullable=False, server_default="1"))
    op.add_column("policy", sa.Column("latest_version", sa.Integer, nullable=False, server_default="1"))
    op.add_column("policy", sa.Column("updated_at", sa.Double))
    op.add_column("policy", sa.Column("tags", sa.Text, nullable=False, server_default="{}"))
    op.create_table(
        "policy_version",
        sa.Column("policy_arn", sa.Text, sa.ForeignKey("policy.arn"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
    )
    op.execute(
        "INSERT INTO policy_version (policy_arn, number, document, created_at) "
        "SELECT arn, 1, document, created_at FROM policy"
    )
