"""The tables of a cell's metadata database, for SQLite and PostgreSQL alike.

Times are epoch seconds (float), rounded to microseconds. JSON columns are text that `airflow._wire.encoding` writes.
States are text; CHECK constraints made from `runner.domain.states` refuse rows that cannot be.
"""

from __future__ import annotations

from sqlalchemy import (
    DDL,
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
    event,
)

from runner.domain.states import LIVE, RUN_TERMINAL, TERMINAL, DagRunState, TaskInstanceState
from runner.store.schema_more import add_tables

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _one_of(values: object) -> str:
    return "(" + ", ".join(f"'{value}'" for value in sorted(map(str, values))) + ")"  # type: ignore[call-overload]


_RUN_TYPE = String(20).with_variant(String(30), "postgresql")
"""SQLite measures no text, and would have to copy the table for a longer one: asset_materialization has 21 letters."""

meta = Table(
    "meta",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
    comment="Single facts: epoch of the active engine, active bundle, sync report",
)

bundle = Table(
    "bundle",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("created_at", Double, nullable=False),
    Column("files", Integer, nullable=False),
)

dag_file = Table(
    "dag_file",
    metadata,
    Column("path", Text, primary_key=True, comment="relative to the bundle"),
    Column("digest", String(64), nullable=False, comment="of the content last parsed"),
    Column("bundle", String(64), nullable=False, comment="snapshot it was last parsed in"),
    Column(
        "modules", Text, nullable=False, server_default="[]", comment="JSON: files of the bundle it imports"
    ),
    Column("parsed_at", Double, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("error", Text, comment="import error, as the user reads it"),
    Column("error_id", Integer, comment="stable number for the API"),
    Column(
        "warnings", Text, nullable=False, server_default="[]", comment="JSON: what to write instead of what"
    ),
)

dag = Table(
    "dag",
    metadata,
    Column("dag_id", String(250), primary_key=True),
    Column("file", Text, nullable=False),
    Column("is_paused", Boolean, nullable=False),
    Column("is_stale", Boolean, nullable=False, comment="its file no longer has it"),
    Column("version_id", Integer, ForeignKey("dag_version.id"), nullable=False, comment="newest"),
    Column("first_seen", Double, nullable=False),
    Column("last_parsed", Double, nullable=False),
    Column("next_logical_date", Double),
    Column("next_interval_start", Double),
    Column("next_interval_end", Double),
    Column("next_run_after", Double, index=True, comment="when the scheduler must create the next run"),
    Column(
        "timetable_kind",
        String(20),
        nullable=False,
        server_default="null",
        comment="custom: it must be asked; partitioned: it waits for keys of events",
    ),
)

dag_version = Table(
    "dag_version",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("dag_id", String(250), nullable=False),
    Column("number", Integer, nullable=False),
    Column("digest", String(64), nullable=False, comment="sha256 of data"),
    Column("bundle", String(64), nullable=False, comment="snapshot it was first seen in"),
    Column("created_at", Double, nullable=False),
    Column("data", Text, nullable=False, comment="serialised DAG"),
    UniqueConstraint("dag_id", "number"),
)

dag_run = Table(
    "dag_run",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("dag_id", String(250), nullable=False),
    Column("run_id", String(250), nullable=False),
    Column("run_type", _RUN_TYPE, nullable=False, comment="manual, scheduled, backfill, asset_triggered"),
    Column("state", String(20), nullable=False),
    Column("logical_date", Double),
    Column("interval_start", Double),
    Column("interval_end", Double),
    Column("run_after", Double, nullable=False),
    Column("conf", Text, nullable=False, server_default="{}"),
    Column("note", Text),
    Column("triggered_by", String(64), nullable=False, server_default="scheduler"),
    Column("triggering_user", String(250)),
    Column("version_id", Integer, ForeignKey("dag_version.id"), nullable=False),
    Column("bundle", String(64), nullable=False, comment="every task of the run runs this snapshot's code"),
    Column("queued_at", Double, nullable=False),
    Column("start_date", Double),
    Column("end_date", Double),
    Column("reason", Text, comment="why it ended as it did"),
    Column("backfill", Integer, index=True, comment="id of the backfill it belongs to"),
    Column(
        "edits",
        Integer,
        nullable=False,
        server_default="0",
        comment="how often people have changed its tasks",
    ),
    Column("partition_key", String(250), comment="the partition that it is about"),
    Column("partition_date", Double, comment="when that partition begins, where its key says so"),
    UniqueConstraint("dag_id", "run_id"),
    UniqueConstraint("dag_id", "logical_date"),
    CheckConstraint(f"state IN {_one_of(DagRunState)}", name="state"),
    CheckConstraint(
        f"(end_date IS NOT NULL) = (state IN {_one_of(RUN_TERMINAL)})", name="ended_iff_terminal"
    ),
    Index("ix_dag_run_state_dag_id", "state", "dag_id"),
)

_TI_STATES = _one_of(TaskInstanceState)

task_instance = Table(
    "task_instance",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("run", Integer, ForeignKey("dag_run.id", ondelete="CASCADE"), nullable=False),
    Column("dag_id", String(250), nullable=False),
    Column("run_id", String(250), nullable=False),
    Column("task_id", String(250), nullable=False),
    Column("map_index", Integer, nullable=False, server_default="-1"),
    Column("state", String(20)),
    Column("try_number", Integer, nullable=False, server_default="0", comment="tries begun so far"),
    Column("max_tries", Integer, nullable=False, server_default="1", comment="tries allowed in all"),
    Column("attempt", String(32), unique=True, comment="fencing token of the live or last try"),
    Column("agent", String(64), comment="which agent holds the live attempt"),
    Column("operator", String(250), nullable=False, server_default=""),
    Column("pool", String(250), nullable=False, server_default="default_pool"),
    Column("pool_slots", Integer, nullable=False, server_default="1"),
    Column("priority_weight", Integer, nullable=False, server_default="1"),
    Column("queue", String(250), nullable=False, server_default="default"),
    Column("scheduled_at", Double),
    Column("queued_at", Double),
    Column("start_date", Double),
    Column("end_date", Double),
    Column("next_at", Double, comment="up_for_retry, up_for_reschedule: not before"),
    Column("pid", Integer),
    Column("host", String(250)),
    Column("reason", Text, comment="one line: why it is in this state"),
    Column("note", Text),
    Column("reschedules", Integer, nullable=False, server_default="0", comment="of this try, so far"),
    Column("map_index_label", Text, comment="rendered map_index_template"),
    UniqueConstraint("run", "task_id", "map_index"),
    CheckConstraint(f"state IS NULL OR state IN {_TI_STATES}", name="state"),
    CheckConstraint(
        f"state IS NULL OR state NOT IN {_one_of(LIVE)} OR attempt IS NOT NULL", name="live_has_attempt"
    ),
    CheckConstraint(
        f"end_date IS NULL OR state IN {_one_of(TERMINAL | {TaskInstanceState.UP_FOR_RETRY})}",
        name="ended_is_over",
    ),
    CheckConstraint("try_number >= 0 AND max_tries >= 1", name="tries"),
    Index("ix_task_instance_dag_id_run_id", "dag_id", "run_id"),
)
# A partial index as plain DDL: as an option of Index it would load PostgreSQL's dialect into every engine.
_LIVE_INDEX = DDL(  # type: ignore[no-untyped-call]
    "CREATE INDEX ix_task_instance_live ON task_instance (state) WHERE state IS NOT NULL"
)
event.listen(task_instance, "after_create", _LIVE_INDEX)

task_try = Table(
    "task_try",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column(
        "task_instance",
        Integer,
        ForeignKey("task_instance.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("try_number", Integer, nullable=False),
    Column("attempt", String(32)),
    Column("state", String(20)),
    Column("start_date", Double),
    Column("end_date", Double),
    Column("host", String(250)),
    Column("pid", Integer),
    Column("reason", Text),
    UniqueConstraint("task_instance", "try_number"),
    comment="Tries that are over and were followed by another",
)

xcom = Table(
    "xcom",
    metadata,
    Column("dag_id", String(250), primary_key=True),
    Column("run_id", String(250), primary_key=True),
    Column("task_id", String(250), primary_key=True),
    Column("map_index", Integer, primary_key=True, server_default="-1"),
    Column("key", String(512), primary_key=True),
    Column("value", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("length", Integer, comment="items of a list or dict; null for what nothing can be mapped over"),
    Column("blob", Text, comment="the object that holds the value, when it is too large for here"),
)

variable = Table(
    "variable",
    metadata,
    Column("key", String(250), primary_key=True),
    Column("value", Text, nullable=False, comment="encrypted"),
    Column("description", Text),
)

connection = Table(
    "connection",
    metadata,
    Column("conn_id", String(250), primary_key=True),
    Column("conn_type", String(500), nullable=False),
    Column("description", Text),
    Column("host", Text),
    Column("login", Text),
    Column("password", Text, comment="encrypted"),
    Column("schema", Text),
    Column("port", Integer),
    Column("extra", Text, comment="encrypted"),
)

pool = Table(
    "pool",
    metadata,
    Column("name", String(250), primary_key=True),
    Column("slots", Integer, nullable=False, comment="-1: no limit"),
    Column("description", Text),
    Column("include_deferred", Boolean, nullable=False, server_default="0"),
)

process = Table(
    "process",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("role", String(32), nullable=False),
    Column("host", String(250), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("heartbeat", Double, nullable=False),
    Column("details", Text, nullable=False, server_default="{}"),
)

add_tables(metadata)
trigger, rendered_fields, hitl_detail = (
    metadata.tables[name] for name in ("trigger", "rendered_fields", "hitl_detail")
)
asset, asset_alias, asset_alias_asset, dag_asset = (
    metadata.tables[name] for name in ("asset", "asset_alias", "asset_alias_asset", "dag_asset")
)
asset_event, asset_queue, dag_run_asset_event = (
    metadata.tables[name] for name in ("asset_event", "asset_queue", "dag_run_asset_event")
)
partition_wait, partition_wait_event = (
    metadata.tables[name] for name in ("partition_wait", "partition_wait_event")
)
backfill, backfill_run = (metadata.tables[name] for name in ("backfill", "backfill_run"))
callback, deadline, event_log = (metadata.tables[name] for name in ("callback", "deadline", "event_log"))
