"""The keys of cells, for every machine of the service."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("environment", sa.Column("secret_keys", sa.LargeBinary))
