"""Bodies of batch lists: filters as members, for those that are too long for an address."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, Field

from runner.api.airflow.bodies import RunState, Strict, TiState

_Int = Annotated[int, Field(ge=0, le=2**31 - 1)]
_Real = Annotated[float, Field(allow_inf_nan=False)]
_Names = Annotated[list[Annotated[str, Field(max_length=1000)]], Field(max_length=1000)]


class _Ranges(Strict):
    """Bounds in time that both batch lists know."""

    run_after_gte: AwareDatetime | None = None
    run_after_gt: AwareDatetime | None = None
    run_after_lte: AwareDatetime | None = None
    run_after_lt: AwareDatetime | None = None
    logical_date_gte: AwareDatetime | None = None
    logical_date_gt: AwareDatetime | None = None
    logical_date_lte: AwareDatetime | None = None
    logical_date_lt: AwareDatetime | None = None
    start_date_gte: AwareDatetime | None = None
    start_date_gt: AwareDatetime | None = None
    start_date_lte: AwareDatetime | None = None
    start_date_lt: AwareDatetime | None = None
    end_date_gte: AwareDatetime | None = None
    end_date_gt: AwareDatetime | None = None
    end_date_lte: AwareDatetime | None = None
    end_date_lt: AwareDatetime | None = None
    duration_gte: _Real | None = None
    duration_gt: _Real | None = None
    duration_lte: _Real | None = None
    duration_lt: _Real | None = None
    order_by: str | None = None
    page_offset: _Int = 0
    page_limit: _Int = 100


class RunsBatch(_Ranges):
    dag_ids: _Names | None = None
    states: Annotated[list[RunState | None], Field(max_length=100)] | None = None
    conf_contains: str | None = None


class TaskInstancesBatch(_Ranges):
    dag_ids: _Names | None = None
    dag_run_ids: _Names | None = None
    task_ids: _Names | None = None
    state: Annotated[list[TiState | None], Field(max_length=100)] | None = None
    pool: _Names | None = None
    queue: _Names | None = None
    executor: _Names | None = None
