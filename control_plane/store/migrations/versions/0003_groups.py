"""Groups of users."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "membership",
        sa.Column("user_id", sa.String(32), sa.ForeignKey("principal.id"), primary_key=True),
        sa.Column("group_id", sa.String(32), sa.ForeignKey("principal.id"), primary_key=True),
    )
    op.create_index("ix_membership_group_id", "membership", ["group_id"])
