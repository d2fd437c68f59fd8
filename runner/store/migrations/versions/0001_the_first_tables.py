"""The first tables"""
# ruff: noqa: E501 - constraints are written on one line, as the tool prints them

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bundle",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_bundle")),
    )
    op.create_table(
        "connection",
        sa.Column("conn_id", sa.String(length=250), nullable=False),
        sa.Column("conn_type", sa.String(length=500), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("host", sa.Text(), nullable=True),
        sa.Column("login", sa.Text(), nullable=True),
        sa.Column("password", sa.Text(), nullable=True, comment="encrypted"),
        sa.Column("schema", sa.Text(), nullable=True),
        sa.Column("port", sa.Integer(), nullable=True),
        sa.Column("extra", sa.Text(), nullable=True, comment="encrypted"),
        sa.PrimaryKeyConstraint("conn_id", name=op.f("pk_connection")),
    )
    op.create_table(
        "dag_file",
        sa.Column("path", sa.Text(), nullable=False, comment="relative to the bundle"),
        sa.Column("digest", sa.String(length=64), nullable=False, comment="of the content last parsed"),
        sa.Column("bundle", sa.String(length=64), nullable=False, comment="snapshot it was last parsed in"),
        sa.Column(
            "modules",
            sa.Text(),
            server_default="[]",
            nullable=False,
            comment="JSON: files of the bundle it imports",
        ),
        sa.Column("parsed_at", sa.Double(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True, comment="import error, as the user reads it"),
        sa.Column("error_id", sa.Integer(), nullable=True, comment="stable number for the API"),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_dag_file")),
    )
    op.create_table(
        "dag_version",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False, comment="sha256 of data"),
        sa.Column("bundle", sa.String(length=64), nullable=False, comment="snapshot it was first seen in"),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False, comment="serialised DAG"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dag_version")),
        sa.UniqueConstraint("dag_id", "number", name=op.f("uq_dag_version_dag_id_number")),
    )
    op.create_table(
        "meta",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_meta")),
        comment="Single facts: epoch of the active engine, active bundle, sync report",
    )
    op.create_table(
        "pool",
        sa.Column("name", sa.String(length=250), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False, comment="-1: no limit"),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("include_deferred", sa.Boolean(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_pool")),
    )
    op.create_table(
        "process",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("host", sa.String(length=250), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("heartbeat", sa.Double(), nullable=False),
        sa.Column("details", sa.Text(), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_process")),
    )
    op.create_table(
        "variable",
        sa.Column("key", sa.String(length=250), nullable=False),
        sa.Column("value", sa.Text(), nullable=False, comment="encrypted"),
        sa.Column("description", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_variable")),
    )
    op.create_table(
        "xcom",
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column("run_id", sa.String(length=250), nullable=False),
        sa.Column("task_id", sa.String(length=250), nullable=False),
        sa.Column("map_index", sa.Integer(), server_default="-1", nullable=False),
        sa.Column("key", sa.String(length=512), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("dag_id", "run_id", "task_id", "map_index", "key", name=op.f("pk_xcom")),
    )
    op.create_table(
        "dag",
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("is_paused", sa.Boolean(), nullable=False),
        sa.Column("is_stale", sa.Boolean(), nullable=False, comment="its file no longer has it"),
        sa.Column("version_id", sa.Integer(), nullable=False, comment="newest"),
        sa.Column("first_seen", sa.Double(), nullable=False),
        sa.Column("last_parsed", sa.Double(), nullable=False),
        sa.Column("next_logical_date", sa.Double(), nullable=True),
        sa.Column("next_interval_start", sa.Double(), nullable=True),
        sa.Column("next_interval_end", sa.Double(), nullable=True),
        sa.Column(
            "next_run_after",
            sa.Double(),
            nullable=True,
            comment="when the scheduler must create the next run",
        ),
        sa.ForeignKeyConstraint(["version_id"], ["dag_version.id"], name=op.f("fk_dag_version_id")),
        sa.PrimaryKeyConstraint("dag_id", name=op.f("pk_dag")),
    )
    with op.batch_alter_table("dag", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_dag_next_run_after"), ["next_run_after"], unique=False)

    op.create_table(
        "dag_run",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column("run_id", sa.String(length=250), nullable=False),
        sa.Column(
            "run_type",
            sa.String(length=20),
            nullable=False,
            comment="manual, scheduled, backfill, asset_triggered",
        ),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("logical_date", sa.Double(), nullable=True),
        sa.Column("interval_start", sa.Double(), nullable=True),
        sa.Column("interval_end", sa.Double(), nullable=True),
        sa.Column("run_after", sa.Double(), nullable=False),
        sa.Column("conf", sa.Text(), server_default="{}", nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("triggered_by", sa.String(length=64), server_default="scheduler", nullable=False),
        sa.Column("triggering_user", sa.String(length=250), nullable=True),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column(
            "bundle",
            sa.String(length=64),
            nullable=False,
            comment="every task of the run runs this snapshot's code",
        ),
        sa.Column("queued_at", sa.Double(), nullable=False),
        sa.Column("start_date", sa.Double(), nullable=True),
        sa.Column("end_date", sa.Double(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True, comment="why it ended as it did"),
        sa.CheckConstraint(
            "(end_date IS NOT NULL) = (state IN ('failed', 'success'))",
            name=op.f("ck_dag_run_ended_iff_terminal"),
        ),
        sa.CheckConstraint(
            "state IN ('failed', 'queued', 'running', 'success')", name=op.f("ck_dag_run_state")
        ),
        sa.ForeignKeyConstraint(["version_id"], ["dag_version.id"], name=op.f("fk_dag_run_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dag_run")),
        sa.UniqueConstraint("dag_id", "logical_date", name=op.f("uq_dag_run_dag_id_logical_date")),
        sa.UniqueConstraint("dag_id", "run_id", name=op.f("uq_dag_run_dag_id_run_id")),
    )
    with op.batch_alter_table("dag_run", schema=None) as batch_op:
        batch_op.create_index("ix_dag_run_state_dag_id", ["state", "dag_id"], unique=False)

    op.create_table(
        "task_instance",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column("run_id", sa.String(length=250), nullable=False),
        sa.Column("task_id", sa.String(length=250), nullable=False),
        sa.Column("map_index", sa.Integer(), server_default="-1", nullable=False),
        sa.Column("state", sa.String(length=20), nullable=True),
        sa.Column(
            "try_number", sa.Integer(), server_default="0", nullable=False, comment="tries begun so far"
        ),
        sa.Column(
            "max_tries", sa.Integer(), server_default="1", nullable=False, comment="tries allowed in all"
        ),
        sa.Column(
            "attempt", sa.String(length=32), nullable=True, comment="fencing token of the live or last try"
        ),
        sa.Column("agent", sa.String(length=64), nullable=True, comment="which agent holds the live attempt"),
        sa.Column("operator", sa.String(length=250), server_default="", nullable=False),
        sa.Column("pool", sa.String(length=250), server_default="default_pool", nullable=False),
        sa.Column("pool_slots", sa.Integer(), server_default="1", nullable=False),
        sa.Column("priority_weight", sa.Integer(), server_default="1", nullable=False),
        sa.Column("queue", sa.String(length=250), server_default="default", nullable=False),
        sa.Column("scheduled_at", sa.Double(), nullable=True),
        sa.Column("queued_at", sa.Double(), nullable=True),
        sa.Column("start_date", sa.Double(), nullable=True),
        sa.Column("end_date", sa.Double(), nullable=True),
        sa.Column(
            "next_at", sa.Double(), nullable=True, comment="up_for_retry, up_for_reschedule: not before"
        ),
        sa.Column("pid", sa.Integer(), nullable=True),
        sa.Column("host", sa.String(length=250), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True, comment="one line: why it is in this state"),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "end_date IS NULL OR state IN ('failed', 'removed', 'skipped', 'success', 'up_for_retry', 'upstream_failed')",
            name=op.f("ck_task_instance_ended_is_over"),
        ),
        sa.CheckConstraint(
            "state IS NULL OR state IN ('deferred', 'failed', 'queued', 'removed', 'restarting', 'running', 'scheduled', 'skipped', 'success', 'up_for_reschedule', 'up_for_retry', 'upstream_failed')",
            name=op.f("ck_task_instance_state"),
        ),
        sa.CheckConstraint(
            "state IS NULL OR state NOT IN ('queued', 'restarting', 'running') OR attempt IS NOT NULL",
            name=op.f("ck_task_instance_live_has_attempt"),
        ),
        sa.CheckConstraint("try_number >= 0 AND max_tries >= 1", name=op.f("ck_task_instance_tries")),
        sa.ForeignKeyConstraint(
            ["run"], ["dag_run.id"], name=op.f("fk_task_instance_run"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_instance")),
        sa.UniqueConstraint("attempt", name=op.f("uq_task_instance_attempt")),
        sa.UniqueConstraint(
            "run", "task_id", "map_index", name=op.f("uq_task_instance_run_task_id_map_index")
        ),
    )
    with op.batch_alter_table("task_instance", schema=None) as batch_op:
        batch_op.create_index("ix_task_instance_dag_id_run_id", ["dag_id", "run_id"], unique=False)
        batch_op.create_index(
            "ix_task_instance_live",
            ["state"],
            unique=False,
            sqlite_where=sa.text("state IS NOT NULL"),
            postgresql_where=sa.text("state IS NOT NULL"),
        )

    op.create_table(
        "task_try",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("task_instance", sa.Integer(), nullable=False),
        sa.Column("try_number", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.String(length=32), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=True),
        sa.Column("start_date", sa.Double(), nullable=True),
        sa.Column("end_date", sa.Double(), nullable=True),
        sa.Column("host", sa.String(length=250), nullable=True),
        sa.Column("pid", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["task_instance"],
            ["task_instance.id"],
            name=op.f("fk_task_try_task_instance"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_try")),
        sa.UniqueConstraint("task_instance", "try_number", name=op.f("uq_task_try_task_instance_try_number")),
        comment="Tries that are over and were followed by another",
    )
    with op.batch_alter_table("task_try", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_task_try_task_instance"), ["task_instance"], unique=False)
