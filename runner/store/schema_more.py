"""The tables of a cell's metadata database that come after runs and tasks: what waits, what is told, what is asked.

Same rules as `runner.store.schema`, in whose `metadata` they are; importing that module brings these along.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)


def add_tables(metadata: MetaData) -> None:
    """Put every table of this module into `metadata`."""
    for add in (_add_waiting, _add_assets, _add_asset_events, _add_partitions, _add_backfills, _add_told):
        add(metadata)


def _of_instance(**options: bool) -> Column[int]:
    reference = ForeignKey("task_instance.id", ondelete="CASCADE")
    return Column("task_instance", Integer, reference, **options)  # type: ignore[arg-type]


def _of_run(**options: bool) -> Column[int]:
    return Column("run", Integer, ForeignKey("dag_run.id", ondelete="CASCADE"), **options)  # type: ignore[arg-type]


def _add_waiting(metadata: MetaData) -> None:
    """What a task instance waits for, and what it shows."""
    Table(
        "trigger",
        metadata,
        _of_instance(primary_key=True),
        Column("token", String(32), nullable=False, unique=True, comment="of this deferral"),
        Column("classpath", Text, nullable=False),
        Column("kwargs", Text, nullable=False, comment="encrypted"),
        Column("next_method", Text, nullable=False),
        Column("next_kwargs", Text, nullable=False, comment="encrypted"),
        Column("timeout_at", Double),
        Column("created_at", Double, nullable=False),
        Column("event", Text, comment="encrypted JSON of what it fired with"),
        Column("error", Text, comment="JSON, when it came to nothing: error (timeout or failure), traceback"),
        comment="Deferred task instances; the row lives until the resumed attempt ends or defers again",
    )
    Table(
        "rendered_fields",
        metadata,
        _of_instance(primary_key=True),
        Column(
            "fields", Text, nullable=False, comment="JSON: template field -> rendered text, secrets masked"
        ),
    )
    Table(
        "hitl_detail",
        metadata,
        _of_instance(primary_key=True),
        Column("subject", Text, nullable=False),
        Column("body", Text),
        Column("options", Text, nullable=False, comment="JSON list"),
        Column("defaults", Text, comment="JSON list"),
        Column("multiple", Boolean, nullable=False, server_default="0"),
        Column("params", Text, nullable=False, server_default="{}"),
        Column("assignees", Text, nullable=False, server_default="[]"),
        Column("created_at", Double, nullable=False),
        Column("responded_at", Double),
        Column("responded_by", Text, comment="JSON: id and name"),
        Column("chosen_options", Text, comment="JSON list"),
        Column("params_input", Text, nullable=False, server_default="{}"),
    )


def _add_assets(metadata: MetaData) -> None:
    Table(
        "asset",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("name", String(1500), nullable=False),
        Column("uri", String(1500), nullable=False),
        Column("group", String(1500), nullable=False, server_default="asset"),
        Column("extra", Text, nullable=False, server_default="{}"),
        Column("created_at", Double, nullable=False),
        Column("updated_at", Double, nullable=False),
        Column("is_active", Boolean, nullable=False, server_default="1", comment="some DAG names it"),
        UniqueConstraint("name", "uri"),
    )
    Table(
        "asset_alias",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("name", String(1500), nullable=False, unique=True),
        Column("group", String(1500), nullable=False, server_default="asset"),
    )
    Table(
        "asset_alias_asset",
        metadata,
        Column("alias", Integer, ForeignKey("asset_alias.id", ondelete="CASCADE"), primary_key=True),
        Column("asset", Integer, ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True),
    )
    Table(
        "dag_asset",
        metadata,
        Column("dag_id", String(250), primary_key=True),
        Column("task_id", String(250), primary_key=True, comment="empty: the DAG's own schedule"),
        Column("role", String(10), primary_key=True, comment="schedule, inlet or outlet"),
        Column(
            "kind", String(5), primary_key=True, comment="asset, alias, or name or uri of another DAG's asset"
        ),
        Column("asset", Integer, primary_key=True, comment="id of the asset or alias; 0 for name and uri"),
        Column("ref", String(1500), primary_key=True, comment="the name or the uri; else empty"),
        Column("created_at", Double, nullable=False),
        Column("watchers", Text, comment="JSON: the event triggers that this use of the asset brings along"),
        Index("ix_dag_asset_asset_kind", "asset", "kind"),
    )


def _add_asset_events(metadata: MetaData) -> None:
    Table(
        "asset_event",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("asset", Integer, ForeignKey("asset.id", ondelete="CASCADE"), nullable=False),
        Column("extra", Text, nullable=False, server_default="{}"),
        Column("timestamp", Double, nullable=False),
        Column("source_dag_id", String(250)),
        Column("source_run_id", String(250)),
        Column("source_task_id", String(250)),
        Column("source_map_index", Integer, nullable=False, server_default="-1"),
        Column("aliases", Text, nullable=False, server_default="[]", comment="JSON: names it came through"),
        Column("partition_key", String(250), comment="the partition of the asset that was updated"),
        Index("ix_asset_event_asset_timestamp", "asset", "timestamp"),
    )
    Table(
        "asset_queue",
        metadata,
        Column("dag_id", String(250), primary_key=True),
        Column("asset", Integer, ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True),
        Column("event", Integer, ForeignKey("asset_event.id", ondelete="CASCADE"), primary_key=True),
        Column("created_at", Double, nullable=False),
        comment="Events that a DAG's next asset-triggered run will take",
    )
    Table(
        "dag_run_asset_event",
        metadata,
        _of_run(primary_key=True),
        Column("event", Integer, ForeignKey("asset_event.id", ondelete="CASCADE"), primary_key=True),
    )


def _add_partitions(metadata: MetaData) -> None:
    """Runs that are not made yet, because not all of their partition's events have come."""
    Table(
        "partition_wait",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("dag_id", String(250), nullable=False),
        Column("key", String(250), nullable=False, comment="the partition that the run will be about"),
        Column("date", Double, comment="of the partition, as the runs that made the events have it"),
        Column("signature", String(64), nullable=False, comment="of the mappers that led to the key"),
        Column("created_at", Double, nullable=False),
        UniqueConstraint("dag_id", "key"),
    )
    Table(
        "partition_wait_event",
        metadata,
        Column("wait", Integer, ForeignKey("partition_wait.id", ondelete="CASCADE"), primary_key=True),
        Column("event", Integer, ForeignKey("asset_event.id", ondelete="CASCADE"), primary_key=True),
        comment="Events that have come for a partition; its run will take them",
    )


def _add_backfills(metadata: MetaData) -> None:
    Table(
        "backfill",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("dag_id", String(250), nullable=False, index=True),
        Column("from_date", Double, nullable=False),
        Column("to_date", Double, nullable=False),
        Column("conf", Text, nullable=False, server_default="{}"),
        Column("is_paused", Boolean, nullable=False, server_default="0"),
        Column("reprocess_behavior", String(20), nullable=False, comment="none, failed or completed"),
        Column("run_backwards", Boolean, nullable=False, server_default="0"),
        Column("max_active_runs", Integer, nullable=False),
        Column("triggering_user", String(250)),
        Column("created_at", Double, nullable=False),
        Column("updated_at", Double, nullable=False),
        Column("completed_at", Double),
        CheckConstraint("max_active_runs >= 1", name="max_active_runs"),
    )
    Table(
        "backfill_run",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("backfill", Integer, ForeignKey("backfill.id", ondelete="CASCADE"), nullable=False),
        Column("position", Integer, nullable=False, comment="1 runs first"),
        Column("logical_date", Double, nullable=False),
        Column("run", Integer, ForeignKey("dag_run.id", ondelete="SET NULL")),
        Column("reason", String(50), comment="why it has no run: already exists, in flight, unknown"),
        UniqueConstraint("backfill", "logical_date"),
    )


def _add_told(metadata: MetaData) -> None:
    """What is to be called, what was promised by when, and what happened."""
    Table(
        "callback",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column(
            "kind", String(30), nullable=False, comment="dag_success, dag_failure, task, sla_miss, deadline"
        ),
        Column("dag_id", String(250), nullable=False),
        _of_run(),
        _of_instance(),
        Column("data", Text, nullable=False, server_default="{}"),
        Column("state", String(10), nullable=False),
        Column("attempt", String(32), unique=True),
        Column("agent", String(64), comment="which agent holds the attempt"),
        Column("tries", Integer, nullable=False, server_default="0"),
        Column("created_at", Double, nullable=False),
        Column("ended_at", Double),
        Column("reason", Text),
        CheckConstraint("state IN ('failed', 'pending', 'queued', 'success')", name="state"),
        Index("ix_callback_state", "state"),
    )
    Table(
        "deadline",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=True),
        _of_run(nullable=False, index=True),
        Column(
            "task_id", String(250), nullable=False, server_default="", comment="an SLA's task; empty: the run"
        ),
        Column("name", String(250)),
        Column("at", Double, nullable=False, index=True),
        Column("callback", Text, nullable=False, server_default="{}"),
        Column("missed_at", Double),
        UniqueConstraint("run", "task_id", "name"),
    )
    Table(
        "event_log",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("at", Double, nullable=False, index=True),
        Column("event", String(60), nullable=False),
        Column("owner", String(500)),
        Column("dag_id", String(250), index=True),
        Column("task_id", String(250)),
        Column("run_id", String(250)),
        Column("map_index", Integer),
        Column("try_number", Integer),
        Column("logical_date", Double),
        Column("extra", Text),
    )
