"""Environments that are paused, and those that are made from an archive."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "ALTER TABLE environment ADD COLUMN paused VARCHAR(10) "
        "CONSTRAINT ck_environment_paused CHECK (paused IN ('FORCED', 'GRACEFUL'))"
    )
    op.add_column("environment", sa.Column("origin", sa.Text))
