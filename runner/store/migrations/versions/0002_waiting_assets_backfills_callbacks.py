"""Triggers, rendered fields, assets, backfills, callbacks, deadlines, people asked, the event log"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "asset",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=1500), nullable=False),
        sa.Column("uri", sa.String(length=1500), nullable=False),
        sa.Column("group", sa.String(length=1500), server_default="asset", nullable=False),
        sa.Column("extra", sa.Text(), server_default="{}", nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default="1", nullable=False, comment="some DAG names it"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asset")),
        sa.UniqueConstraint("name", "uri", name=op.f("uq_asset_name_uri")),
    )
    op.create_table(
        "asset_alias",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=1500), nullable=False),
        sa.Column("group", sa.String(length=1500), server_default="asset", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asset_alias")),
        sa.UniqueConstraint("name", name=op.f("uq_asset_alias_name")),
    )
    op.create_table(
        "backfill",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column("from_date", sa.Double(), nullable=False),
        sa.Column("to_date", sa.Double(), nullable=False),
        sa.Column("conf", sa.Text(), server_default="{}", nullable=False),
        sa.Column("is_paused", sa.Boolean(), server_default="0", nullable=False),
        sa.Column(
            "reprocess_behavior", sa.String(length=20), nullable=False, comment="none, failed or completed"
        ),
        sa.Column("run_backwards", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("max_active_runs", sa.Integer(), nullable=False),
        sa.Column("triggering_user", sa.String(length=250), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.Column("completed_at", sa.Double(), nullable=True),
        sa.CheckConstraint("max_active_runs >= 1", name=op.f("ck_backfill_max_active_runs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backfill")),
    )
    with op.batch_alter_table("backfill", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_backfill_dag_id"), ["dag_id"], unique=False)

    op.create_table(
        "dag_asset",
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column("task_id", sa.String(length=250), nullable=False, comment="empty: the DAG's own schedule"),
        sa.Column("role", sa.String(length=10), nullable=False, comment="schedule, inlet or outlet"),
        sa.Column(
            "kind",
            sa.String(length=5),
            nullable=False,
            comment="asset, alias, or name or uri of another DAG's asset",
        ),
        sa.Column(
            "asset", sa.Integer(), nullable=False, comment="id of the asset or alias; 0 for name and uri"
        ),
        sa.Column("ref", sa.String(length=1500), nullable=False, comment="the name or the uri; else empty"),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column(
            "watchers",
            sa.Text(),
            nullable=True,
            comment="JSON: the event triggers that this use of the asset brings along",
        ),
        sa.PrimaryKeyConstraint(
            "dag_id", "task_id", "role", "kind", "asset", "ref", name=op.f("pk_dag_asset")
        ),
    )
    with op.batch_alter_table("dag_asset", schema=None) as batch_op:
        batch_op.create_index("ix_dag_asset_asset_kind", ["asset", "kind"], unique=False)

    op.create_table(
        "event_log",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("event", sa.String(length=60), nullable=False),
        sa.Column("owner", sa.String(length=500), nullable=True),
        sa.Column("dag_id", sa.String(length=250), nullable=True),
        sa.Column("task_id", sa.String(length=250), nullable=True),
        sa.Column("run_id", sa.String(length=250), nullable=True),
        sa.Column("map_index", sa.Integer(), nullable=True),
        sa.Column("try_number", sa.Integer(), nullable=True),
        sa.Column("logical_date", sa.Double(), nullable=True),
        sa.Column("extra", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_log")),
    )
    with op.batch_alter_table("event_log", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_event_log_at"), ["at"], unique=False)
        batch_op.create_index(batch_op.f("ix_event_log_dag_id"), ["dag_id"], unique=False)

    op.create_table(
        "asset_alias_asset",
        sa.Column("alias", sa.Integer(), nullable=False),
        sa.Column("asset", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["alias"], ["asset_alias.id"], name=op.f("fk_asset_alias_asset_alias"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["asset"], ["asset.id"], name=op.f("fk_asset_alias_asset_asset"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("alias", "asset", name=op.f("pk_asset_alias_asset")),
    )
    op.create_table(
        "asset_event",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("asset", sa.Integer(), nullable=False),
        sa.Column("extra", sa.Text(), server_default="{}", nullable=False),
        sa.Column("timestamp", sa.Double(), nullable=False),
        sa.Column("source_dag_id", sa.String(length=250), nullable=True),
        sa.Column("source_run_id", sa.String(length=250), nullable=True),
        sa.Column("source_task_id", sa.String(length=250), nullable=True),
        sa.Column("source_map_index", sa.Integer(), server_default="-1", nullable=False),
        sa.Column(
            "aliases", sa.Text(), server_default="[]", nullable=False, comment="JSON: names it came through"
        ),
        sa.ForeignKeyConstraint(
            ["asset"], ["asset.id"], name=op.f("fk_asset_event_asset"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asset_event")),
    )
    with op.batch_alter_table("asset_event", schema=None) as batch_op:
        batch_op.create_index("ix_asset_event_asset_timestamp", ["asset", "timestamp"], unique=False)

    op.create_table(
        "asset_queue",
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column("asset", sa.Integer(), nullable=False),
        sa.Column("event", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["asset"], ["asset.id"], name=op.f("fk_asset_queue_asset"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["event"], ["asset_event.id"], name=op.f("fk_asset_queue_event"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("dag_id", "asset", "event", name=op.f("pk_asset_queue")),
        comment="Events that a DAG's next asset-triggered run will take",
    )
    op.create_table(
        "backfill_run",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("backfill", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False, comment="1 runs first"),
        sa.Column("logical_date", sa.Double(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=True),
        sa.Column(
            "reason",
            sa.String(length=50),
            nullable=True,
            comment="why it has no run: already exists, in flight, unknown",
        ),
        sa.ForeignKeyConstraint(
            ["backfill"], ["backfill.id"], name=op.f("fk_backfill_run_backfill"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["run"], ["dag_run.id"], name=op.f("fk_backfill_run_run"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backfill_run")),
        sa.UniqueConstraint("backfill", "logical_date", name=op.f("uq_backfill_run_backfill_logical_date")),
    )
    op.create_table(
        "dag_run_asset_event",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("event", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["event"], ["asset_event.id"], name=op.f("fk_dag_run_asset_event_event"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["run"], ["dag_run.id"], name=op.f("fk_dag_run_asset_event_run"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run", "event", name=op.f("pk_dag_run_asset_event")),
    )
    op.create_table(
        "deadline",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column(
            "task_id",
            sa.String(length=250),
            server_default="",
            nullable=False,
            comment="an SLA's task; empty: the run",
        ),
        sa.Column("name", sa.String(length=250), nullable=True),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("callback", sa.Text(), server_default="{}", nullable=False),
        sa.Column("missed_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["run"], ["dag_run.id"], name=op.f("fk_deadline_run"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deadline")),
        sa.UniqueConstraint("run", "task_id", "name", name=op.f("uq_deadline_run_task_id_name")),
    )
    with op.batch_alter_table("deadline", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_deadline_at"), ["at"], unique=False)
        batch_op.create_index(batch_op.f("ix_deadline_run"), ["run"], unique=False)

    op.create_table(
        "callback",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column(
            "kind",
            sa.String(length=30),
            nullable=False,
            comment="dag_success, dag_failure, task, sla_miss, deadline",
        ),
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column("run", sa.Integer(), nullable=True),
        sa.Column("task_instance", sa.Integer(), nullable=True),
        sa.Column("data", sa.Text(), server_default="{}", nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attempt", sa.String(length=32), nullable=True),
        sa.Column("agent", sa.String(length=64), nullable=True, comment="which agent holds the attempt"),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('failed', 'pending', 'queued', 'success')", name=op.f("ck_callback_state")
        ),
        sa.ForeignKeyConstraint(["run"], ["dag_run.id"], name=op.f("fk_callback_run"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["task_instance"],
            ["task_instance.id"],
            name=op.f("fk_callback_task_instance"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callback")),
        sa.UniqueConstraint("attempt", name=op.f("uq_callback_attempt")),
    )
    with op.batch_alter_table("callback", schema=None) as batch_op:
        batch_op.create_index("ix_callback_state", ["state"], unique=False)

    op.create_table(
        "hitl_detail",
        sa.Column("task_instance", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("options", sa.Text(), nullable=False, comment="JSON list"),
        sa.Column("defaults", sa.Text(), nullable=True, comment="JSON list"),
        sa.Column("multiple", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("params", sa.Text(), server_default="{}", nullable=False),
        sa.Column("assignees", sa.Text(), server_default="[]", nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("responded_at", sa.Double(), nullable=True),
        sa.Column("responded_by", sa.Text(), nullable=True, comment="JSON: id and name"),
        sa.Column("chosen_options", sa.Text(), nullable=True, comment="JSON list"),
        sa.Column("params_input", sa.Text(), server_default="{}", nullable=False),
        sa.ForeignKeyConstraint(
            ["task_instance"],
            ["task_instance.id"],
            name=op.f("fk_hitl_detail_task_instance"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("task_instance", name=op.f("pk_hitl_detail")),
    )
    op.create_table(
        "rendered_fields",
        sa.Column("task_instance", sa.Integer(), nullable=False),
        sa.Column(
            "fields",
            sa.Text(),
            nullable=False,
            comment="JSON: template field -> rendered text, secrets masked",
        ),
        sa.ForeignKeyConstraint(
            ["task_instance"],
            ["task_instance.id"],
            name=op.f("fk_rendered_fields_task_instance"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("task_instance", name=op.f("pk_rendered_fields")),
    )
    op.create_table(
        "trigger",
        sa.Column("task_instance", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False, comment="of this deferral"),
        sa.Column("classpath", sa.Text(), nullable=False),
        sa.Column("kwargs", sa.Text(), nullable=False, comment="encrypted"),
        sa.Column("next_method", sa.Text(), nullable=False),
        sa.Column("next_kwargs", sa.Text(), nullable=False, comment="encrypted"),
        sa.Column("timeout_at", sa.Double(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("event", sa.Text(), nullable=True, comment="encrypted JSON of what it fired with"),
        sa.Column(
            "error",
            sa.Text(),
            nullable=True,
            comment="JSON, when it came to nothing: error (timeout or failure), traceback",
        ),
        sa.ForeignKeyConstraint(
            ["task_instance"], ["task_instance.id"], name=op.f("fk_trigger_task_instance"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("task_instance", name=op.f("pk_trigger")),
        sa.UniqueConstraint("token", name=op.f("uq_trigger_token")),
        comment="Deferred task instances; the row lives until the resumed attempt ends or defers again",
    )
    with op.batch_alter_table("dag", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "timetable_kind",
                sa.String(length=20),
                server_default="null",
                nullable=False,
                comment="custom: it must be asked",
            )
        )

    with op.batch_alter_table("dag_file", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "warnings",
                sa.Text(),
                server_default="[]",
                nullable=False,
                comment="JSON: what to write instead of what",
            )
        )

    if op.get_bind().dialect.name == "postgresql":  # SQLite measures no text
        op.alter_column(
            "dag_run",
            "run_type",
            type_=sa.String(length=30),
            existing_type=sa.String(length=20),
            existing_nullable=False,
            existing_comment="manual, scheduled, backfill, asset_triggered",
        )
    with op.batch_alter_table("dag_run", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("backfill", sa.Integer(), nullable=True, comment="id of the backfill it belongs to")
        )
        batch_op.add_column(
            sa.Column(
                "edits",
                sa.Integer(),
                server_default="0",
                nullable=False,
                comment="how often people have changed its tasks",
            )
        )
        batch_op.create_index(batch_op.f("ix_dag_run_backfill"), ["backfill"], unique=False)

    with op.batch_alter_table("task_instance", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "reschedules", sa.Integer(), server_default="0", nullable=False, comment="of this try, so far"
            )
        )
        batch_op.add_column(
            sa.Column("map_index_label", sa.Text(), nullable=True, comment="rendered map_index_template")
        )

    with op.batch_alter_table("xcom", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "length",
                sa.Integer(),
                nullable=True,
                comment="items of a list or dict; null for what nothing can be mapped over",
            )
        )
        batch_op.add_column(
            sa.Column(
                "blob",
                sa.Text(),
                nullable=True,
                comment="the object that holds the value, when it is too large for here",
            )
        )
