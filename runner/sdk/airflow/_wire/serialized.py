"""The serialised DAG: the data form that parsing yields and scheduling reads. All values are plain JSON.

Durations are seconds, dates ISO 8601 text with offset. A key that is absent has the default named here.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

FORMAT = 1


class Timetable(TypedDict, total=False):
    """When runs happen.

    kind: null (only by hand) | once | continuous | cron | multiple_cron | delta | events | asset | asset_or_time |
    custom.
    cron: `expression` (five or six fields; presets are expanded by the SDK), `timezone` (IANA name, or +05:30),
    multiple_cron: `expressions` and `timezone`, always with trigger semantics,
    delta: `seconds`, or `relative` for a relativedelta: its arguments ({"months": 1, ...}), `weekday` as [day, nth],
    events: `dates` (ISO 8601), `restrict_to_events`,
    asset: `condition`; asset_or_time: `condition` and `time` (another timetable),
    custom: `classpath` (module.Name) and `data` (what its `serialize` gave, for people); only the environment's
    interpreter can ask it (`messages.ask_timetable`). One that assets trigger too has a `condition`.
    cron, multiple_cron and delta with trigger semantics may have `length` (how far the interval reaches back: seconds,
    or as in `relative`), crons `run_immediately` (True, False or seconds).
    A cron may have a `partition`: its runs have a key in the place of an interval. `partitions` of an asset timetable:
    which keys of events lead to which keys of runs. A null one `at_runtime`: tasks say what partitions they made.
    `interval` True: data-interval semantics (a run covers [start, end) and may start at its end; 1.10 and 2.x);
    False: trigger semantics (the interval has length zero and the run starts at the tick; 3.x).
    """

    kind: Literal[
        "null",
        "once",
        "continuous",
        "cron",
        "multiple_cron",
        "delta",
        "events",
        "asset",
        "asset_or_time",
        "custom",
    ]
    expression: str
    expressions: list[str]
    timezone: str
    seconds: float
    relative: dict[str, Any]
    interval: bool
    length: float | dict[str, Any]
    partition: dict[str, Any]  # {"offset": ticks, "format": of the key}
    partitions: dict[
        str, Any
    ]  # {"default": mapper, "name": {name: mapper}, "uri": {uri: mapper}}: _wire.partitions
    at_runtime: bool
    run_immediately: bool | float
    dates: list[str]
    restrict_to_events: bool
    condition: dict[str, Any]  # see AssetRef, and {"any": [...]}, {"all": [...]}
    time: dict[str, Any]
    classpath: str
    data: dict[str, Any]
    summary: str
    """What people wrote: '@daily', '0 0 * * *', '1 day, 0:00:00', 'None'."""
    description: str
    """A sentence for people, where the timetable has one of its own."""
    periodic: bool
    """Of a custom timetable: whether it runs again and again."""


class AssetRef(TypedDict, total=False):
    """One leaf of an asset condition, one inlet or outlet of a task.

    kind: asset (`name`, `uri`, `group`, `extra`, `watchers`) | alias (`name`, `group`) | ref (`name` or `uri` of an
    asset that another DAG defines).
    """

    kind: Literal["asset", "alias", "ref"]
    name: str
    uri: str
    group: str
    extra: dict[str, Any]
    watchers: list[dict[str, Any]]  # {"name", "classpath", "kwargs"}: event triggers


class Expansion(TypedDict):
    """How many instances a mapped task (or every task of a mapped group) has: the product of `lengths`.

    A length, evaluated when the tasks it names have ended:
      {"literal": 3}
      {"xcom": task_id, "key": key}   how many items that XCom has; of a mapped task: how many instances left one
      {"zip": [length, ...], "longest": bool}   the shortest, or the longest
      {"concat": [length, ...]}   the sum
    `expand_kwargs` has one length. Which item an instance gets is worked out in its own process: map index `i` counts
    the last argument fastest, as in a nested loop over the arguments in order.
    """

    arguments: list[str]  # names, in the order of `lengths`; [] for expand_kwargs
    lengths: list[dict[str, Any]]


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
    start_trigger: (
        dict[str, Any] | None
    )  # a deferral (see messages.outcome): it begins with a trigger, not a process
    mapped: Expansion | None  # of the task itself; a mapped group has its own in `task_groups`
    map_index_template: str | None
    inlets: list[AssetRef]
    outlets: list[AssetRef]
    ignore_first_depends_on_past: bool  # True
    wait_for_past_depends_before_skipping: bool
    has_on_failure_callback: (
        bool  # a callback or a mail, also for an attempt that could not say its last word
    )
    has_on_retry_callback: bool
    email: list[str]
    email_on_failure: bool
    email_on_retry: bool
    sla: float | None  # of a DAG that has someone to tell, where the generation knows SLAs
    external: list[
        dict[str, Any]
    ]  # {"kind": "sensor"|"trigger"|"marker", "dag_id", "task_id"?}: arrows between DAGs
    extra_links: list[str]
    params: dict[str, Any]
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
    has_sla_miss_callback: bool
    run_listeners: list[
        str
    ]  # states (running, success, failed) of its runs that listeners of plugins want to hear of
    deadlines: list[
        dict[str, Any]
    ]  # {"name", "number", "reference": {"kind", ...}, "interval" (s), "callback"}; "interval" may be None:
    # there can be no run then, for what "fault" says
    owner_links: dict[str, str]
    access_control: dict[str, Any]
    rerun_with_latest_version: bool | None
    disable_bundle_versioning: bool
    allowed_run_types: list[str] | None
    tasks: list[SerializedTask]
    task_groups: dict[str, Any]  # group_id -> {"parent", "label", ..., "mapped": Expansion | None}
    edge_labels: dict[str, Any]
