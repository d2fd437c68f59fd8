"""The serialised DAG: the data form that parsing yields and scheduling reads. All values are plain JSON.

Durations are seconds, dates ISO 8601 text with offset. A key that is absent has the default named here.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

FORMAT = 1


class Timetable(TypedDict, total=False):
    """When runs happen.

    kind: null (only by hand) | once | continuous | cron | delta.
    cron: `expression` (five or six fields; presets are expanded by the SDK), `timezone` (IANA name),
    delta: `seconds`, or `relative` ({"months": 1, ...}) for a relativedelta.
    `interval` True: data-interval semantics (a run covers [start, end) and may start at its end; 1.10 and 2.x);
    False: trigger semantics (the interval has length zero and the run starts at the tick; 3.x).
    """

    kind: Literal["null", "once", "continuous", "cron", "delta"]
    expression: str
    timezone: str
    seconds: float
    relative: dict[str, int]
    interval: bool
    summary: str
    """What people wrote: '@daily', '0 0 * * *', '1 day, 0:00:00', 'None'."""


class SerializedTask(TypedDict, total=False):
    """One task, as far as scheduling and display need it."""

    task_id: str
    operator: str  # class name
    upstream: list[str]  # direct upstream task ids, sorted
    trigger_rule: str  # all_success
    retries: int  # 0
    retry_delay: float  # 300
    retry_exponential_backoff: float  # 0: off; True is written as 2
    max_retry_delay: float | None
    depends_on_past: bool
    wait_for_downstream: bool
    pool: str  # default_pool
    pool_slots: int  # 1
    priority_weight: int  # 1
    weight_rule: str  # downstream
    queue: str  # default
    execution_timeout: float | None
    max_active_tis_per_dag: int | None
    max_active_tis_per_dagrun: int | None
    start_date: str | None
    end_date: str | None
    owner: str
    noop: bool  # nothing to execute (EmptyOperator without callbacks): ends in success without a process
    group: str | None  # id of the innermost task group
    mapped: dict[str, Any] | None
    is_setup: bool
    is_teardown: bool
    on_failure_fail_dagrun: bool  # of a teardown: its failure fails the run
    doc_md: str | None
    ui_color: str
    ui_fgcolor: str
    template_fields: list[str]
    display_name: str | None


class SerializedDag(TypedDict, total=False):
    """One DAG."""

    format: int
    dag_id: str
    file: str  # relative to the bundle
    description: str | None
    doc_md: str | None
    tags: list[str]
    owners: list[str]
    timetable: Timetable
    timezone: str
    start_date: str | None
    end_date: str | None
    catchup: bool
    max_active_runs: int
    max_active_tasks: int
    max_consecutive_failed_dag_runs: int
    dagrun_timeout: float | None
    is_paused_upon_creation: bool | None
    fail_fast: bool
    params: dict[str, Any]
    render_template_as_native_obj: bool
    display_name: str | None
    has_on_success_callback: bool
    has_on_failure_callback: bool
    tasks: list[SerializedTask]
    task_groups: dict[str, Any]
    edge_labels: dict[str, Any]
