"""Partition keys of runs and of assets' events, and the runs that wait for their partition to be whole"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "partition_wait",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column(
            "key", sa.String(length=250), nullable=False, comment="the partition that the run will be about"
        ),
        sa.Column(
            "date",
            sa.Double(),
            nullable=True,
            comment="of the partition, as the runs that made the events have it",
        ),
        sa.Column(
            "signature", sa.String(length=64), nullable=False, comment="of the mappers that led to the key"
        ),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_partition_wait")),
        sa.UniqueConstraint("dag_id", "key", name=op.f("uq_partition_wait_dag_id_key")),
    )
    op.create_table(
        "partition_wait_event",
        sa.Column("wait", sa.Integer(), nullable=False),
        sa.Column("event", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["event"], ["asset_event.id"], name=op.f("fk_partition_wait_event_event"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["wait"], ["partition_wait.id"], name=op.f("fk_partition_wait_event_wait"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("wait", "event", name=op.f("pk_partition_wait_event")),
        comment="Events that have come for a partition; its run will take them",
    )
    with op.batch_alter_table("asset_event", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "partition_key",
                sa.String(length=250),
                nullable=True,
                comment="the partition of the asset that was updated",
            )
        )
    with op.batch_alter_table("dag_run", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "partition_key",
                sa.String(length=250),
                nullable=True,
                comment="the partition that it is about",
            )
        )
        batch_op.add_column(
            sa.Column(
                "partition_date",
                sa.Double(),
                nullable=True,
                comment="when that partition begins, where its key says so",
            )
        )
    # Files that have not changed are not parsed again: who waits for partitions is known from what was parsed last.
    op.execute(
        """
        UPDATE dag SET timetable_kind = 'partitioned' WHERE timetable_kind = 'asset' AND version_id IN
        (SELECT id FROM dag_version WHERE data LIKE '%"partitions":{"default":{%')
        """
    )
