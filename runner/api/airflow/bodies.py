"""What requests may bring: names, types and defaults are those of Airflow 3's REST API; unknown members are refused."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AliasChoices,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    field_validator,
    model_validator,
)

from runner.api.airflow.masking import MASK

_Note = Annotated[str, Field(max_length=1000)]
_Int = Annotated[int, Field(ge=0, le=2**31 - 1)]
_Slots = Annotated[int, Field(ge=-1, le=2**31 - 1)]
_Key = Annotated[str, Field(min_length=1, max_length=250)]
_ConnId = Annotated[str, Field(max_length=200, pattern=r"^[\w.\-]+$")]


def _check_extra(value: str | None) -> str | None:
    """The extra of a connection is a JSON object. Raises ValueError."""
    if value in (None, MASK):
        return value
    try:
        found = json.loads(value or "{}")
    except ValueError:
        raise ValueError("extra must be a JSON object, and is no JSON at all") from None
    if not isinstance(found, dict):
        raise ValueError("extra must be a JSON object")
    return value or "{}"


_Extra = Annotated[str, AfterValidator(_check_extra)]

TiState = Literal[
    "scheduled",
    "queued",
    "running",
    "success",
    "failed",
    "skipped",
    "upstream_failed",
    "up_for_retry",
    "up_for_reschedule",
    "deferred",
    "restarting",
    "removed",
]
RunState = Literal["queued", "running", "success", "failed"]


class Strict(BaseModel):
    """A body in which every member is known."""

    model_config = ConfigDict(defer_build=True, extra="forbid")


class DagPatch(Strict):
    is_paused: bool


class AssetEventPost(Strict):
    """`access_control` is taken and means nothing here."""

    asset_id: _Int
    extra: dict[str, JsonValue] = Field(default_factory=dict)
    partition_key: Annotated[str, Field(max_length=250, pattern=r"\S")] | None = None
    access_control: dict[str, JsonValue] | None = None


class DatasetEventPost(Strict):
    dataset_uri: Annotated[str, Field(min_length=1, max_length=3000)]
    extra: dict[str, JsonValue] = Field(default_factory=dict)


class RunTrigger(Strict):
    """`logical_date` may be left out, as MWAA's clients do: the run then has none."""

    dag_run_id: Annotated[str, Field(min_length=1, max_length=250)] | None = None
    data_interval_start: AwareDatetime | None = None
    data_interval_end: AwareDatetime | None = None
    logical_date: AwareDatetime | None = None
    run_after: AwareDatetime | None = None
    conf: dict[str, Any] | None = None
    note: _Note | None = None
    partition_key: str | None = None

    @model_validator(mode="after")
    def check_interval(self) -> RunTrigger:
        """A data interval has two ends, in order."""
        start, end = self.data_interval_start, self.data_interval_end
        if (start is None) != (end is None):
            raise ValueError("data_interval_start and data_interval_end must be given together")
        if start is not None and end is not None and start > end:
            raise ValueError("data_interval_start must not be after data_interval_end")
        return self


class RunPatch(Strict):
    state: Literal["queued", "success", "failed"] | None = None
    note: _Note | None = None


class RunClear(Strict):
    dry_run: bool = True
    only_failed: bool = False
    only_new: bool = False
    run_on_latest_version: bool | None = None
    note: _Note | None = None

    @model_validator(mode="after")
    def check_choice(self) -> RunClear:
        """New tasks have not failed."""
        if self.only_new and self.only_failed:
            raise ValueError("only_new and only_failed are mutually exclusive")
        return self


class RunNamed(Strict):
    dag_run_id: Annotated[str, Field(min_length=1, max_length=250)]
    dag_id: str | None = None


class PartitionSelector(Strict):
    """Runs by their partition, or by when that begins: in the zone of the DAG's timetable, both ends included."""

    partition_key: str | None = None
    partition_date_start: datetime | None = None
    partition_date_end: datetime | None = None

    @property
    def is_used(self) -> bool:
        return (self.partition_key, self.partition_date_start, self.partition_date_end) != (None, None, None)

    def check_one(self, name: str, is_given: bool) -> None:
        """Runs are chosen in one way. Raises ValueError."""
        start, end = self.partition_date_start, self.partition_date_end
        if sum((is_given, self.partition_key is not None, (start, end) != (None, None))) != 1:
            raise ValueError(
                f"exactly one of {name}, partition_key and a window of partition dates must be given"
            )
        if start and end and start.replace(tzinfo=None) > end.replace(tzinfo=None):
            raise ValueError("partition_date_start must not be after partition_date_end")


class RunsClear(RunClear, PartitionSelector):
    dag_runs: Annotated[list[RunNamed], Field(max_length=1000)] = Field(default_factory=list)

    @model_validator(mode="after")
    def check_selection(self) -> RunsClear:
        """By their names or by their partition."""
        self.check_one("dag_runs", bool(self.dag_runs))
        return self


class PartitionsClear(PartitionSelector):
    run_id: str | None = None
    clear_task_instances: bool = False
    dry_run: bool = True

    @model_validator(mode="after")
    def check_selection(self) -> PartitionsClear:
        """By its name or by their partition."""
        self.check_one("run_id", self.run_id is not None)
        return self


class TaskInstancePatch(Strict):
    new_state: Literal["success", "failed", "skipped"] | None = None
    note: _Note | None = None

    @field_validator("new_state")
    @classmethod
    def check_state(cls, value: str | None) -> str | None:
        """Left out, not empty."""
        if value is None:
            raise ValueError("'new_state' should not be empty")
        return value

    include_upstream: bool = False
    include_downstream: bool = False
    include_future: bool = False
    include_past: bool = False


class TaskInstancesClear(Strict):
    dry_run: bool = True
    start_date: AwareDatetime | None = None
    end_date: AwareDatetime | None = None
    only_failed: bool = True
    only_running: bool = False
    reset_dag_runs: bool = True
    task_ids: Annotated[list[str | tuple[str, int]], Field(min_length=1, max_length=1000)] | None = None
    dag_run_id: str | None = None
    include_upstream: bool = False
    include_downstream: bool = False
    include_future: bool = False
    include_past: bool = False
    run_on_latest_version: bool | None = None
    prevent_running_task: bool = False
    note: _Note | None = None

    @model_validator(mode="after")
    def check_combination(self) -> TaskInstancesClear:
        """Filters that contradict each other are refused rather than guessed at."""
        if self.start_date and self.end_date and self.end_date < self.start_date:
            raise ValueError("end_date is sooner than start_date")
        if (self.include_future or self.include_past) and self.dag_run_id is None:
            raise ValueError("include_future and include_past need a dag_run_id to count from")
        if self.dag_run_id is not None and (self.start_date or self.end_date):
            raise ValueError("dag_run_id excludes start_date and end_date")
        return self


class BackfillCreate(Strict):
    dag_id: _Key
    from_date: datetime
    to_date: datetime
    run_backwards: bool = False
    dag_run_conf: dict[str, Any] | None = None
    reprocess_behavior: Literal["none", "failed", "completed"] = "none"
    max_active_runs: Annotated[int, Field(le=2**31 - 1)] = 10
    run_on_latest_version: bool | None = None


class XComCreate(Strict):
    key: Annotated[str, Field(min_length=1, max_length=512)]
    value: Any
    map_index: Annotated[int, Field(ge=-1, le=2**31 - 1)] = -1


class XComUpdate(Strict):
    value: Any
    map_index: Annotated[int, Field(ge=-1, le=2**31 - 1)] = -1


class VariableBody(Strict):
    key: _Key
    value: JsonValue
    description: str | None = None
    team_name: str | None = None


class ConnectionBody(Strict):
    connection_id: _ConnId
    conn_type: Annotated[str, Field(min_length=1, max_length=500)]
    description: str | None = None
    host: str | None = None
    login: str | None = None
    schema_: Annotated[str | None, Field(alias="schema")] = None
    port: _Int | None = None
    password: str | None = None
    extra: _Extra | None = None
    team_name: str | None = None


class PoolBody(Strict):
    name: Annotated[str, Field(min_length=1, max_length=250, validation_alias=AliasChoices("name", "pool"))]
    slots: _Slots
    description: str | None = None
    include_deferred: bool = False
    team_name: str | None = None


class PoolPatch(Strict):
    """`pool` and `name` may repeat the pool's name; a pool cannot be renamed."""

    pool: str | None = None
    name: str | None = None
    slots: _Slots | None = None
    description: str | None = None
    include_deferred: bool | None = None
    team_name: str | None = None


class HitlResponse(Strict):
    chosen_options: Annotated[list[str], Field(min_length=1, max_length=1000)]
    params_input: dict[str, JsonValue] = Field(default_factory=dict)
