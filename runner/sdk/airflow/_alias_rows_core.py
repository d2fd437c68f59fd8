"""More rows of `airflow.aliases`: the modules that provider packages and plugins reach into."""

from __future__ import annotations

_STATS = "Stats Timer decr gauge incr initialize timer timing"
_CALLBACK_RUNNERS = (
    "AsyncExecutionCallableRunner=AsyncCallableRunner ExecutionCallableRunner=CallableRunner "
    "create_async_executable_runner create_executable_runner"
)
_LINEAGE = (
    "AssetLineageInfo ExtraLineageInfo HookLineage HookLineageCollector HookLineageReader NoOpCollector "
    "get_hook_lineage_collector MAX_COLLECTED_ASSETS MAX_COLLECTED_EXTRA"
)
_VIRTUAL_TYPES = "airflow.sdk.definitions._internal.types"
_RETRY = "ExceptionRetryPolicy RetryAction RetryDecision RetryPolicy RetryRule"
_CONTEXT_NAMES = "AIRFLOW_VAR_NAME_FORMAT_MAPPING DEFAULT_FORMAT_PREFIX ENV_VAR_FORMAT_PREFIX"

_PRIORITIES = "DB_SAFE_MAXIMUM DB_SAFE_MINIMUM db_safe_priority"
_SKIPPING = "XCOM_SKIPMIXIN_FOLLOWED XCOM_SKIPMIXIN_KEY XCOM_SKIPMIXIN_SKIPPED"
_BASEOPERATOR = "Chainable ScheduleInterval TaskPostExecuteHook TaskPreExecuteHook TaskStateChangeCallback"
_DAG = (
    "DEFAULT_SCHEDULE_INTERVAL DEFAULT_VIEW_PRESETS DagStateChangeCallback ORIENTATION_PRESETS SLAMissCallback "
    "ScheduleArg ScheduleInterval ScheduleIntervalArg TAG_MAX_LEN"
)

_PARTITIONED = "PartitionedAssetTimetable PartitionedAtRuntime"
_PERIODS = " ".join(
    f"StartOf{period}Mapper" for period in ("Hour", "Day", "Week", "Month", "Quarter", "Year")
)
_TEMPORAL = f"{_PERIODS} FanOutMapper _BaseTemporalMapper"
_ONE_EACH = "AllowedKeyMapper ChainMapper FixedKeyMapper IdentityMapper ProductMapper"
_MAPPERS = f"PartitionMapper RollupMapper FanOutMapper {_ONE_EACH} {_PERIODS}"
_WAITS = "WaitForAll MinimumCount"
_WINDOWS = (
    f"Window HourWindow DayWindow WeekWindow MonthWindow QuarterWindow YearWindow SegmentWindow {_WAITS}"
)

CORE_ROWS: tuple[tuple[str, str, str], ...] = (
    ("airflow.cli.commands.db_command", "airflow.cli.tables", "all_tables"),
    # partitions of assets
    ("airflow.sdk", "airflow.timetables.partitioned", f"CronPartitionTimetable {_PARTITIONED}"),
    ("airflow.sdk", "airflow.assets.partitions", _MAPPERS),
    ("airflow.sdk", "airflow.assets.partition_windows", _WINDOWS),
    ("airflow.timetables.simple", "airflow.timetables.partitioned", _PARTITIONED),
    ("airflow.timetables.trigger", "airflow.timetables.partitioned", "CronPartitionTimetable"),
    ("airflow.partition_mappers", "airflow.assets.partitions", _MAPPERS),
    ("airflow.partition_mappers", "airflow.assets.partition_windows", _WINDOWS),
    ("airflow.partition_mappers.allowed_key", "airflow.assets.partitions", "AllowedKeyMapper"),
    ("airflow.partition_mappers.base", "airflow.assets.partitions", "PartitionMapper RollupMapper"),
    ("airflow.partition_mappers.chain", "airflow.assets.partitions", "ChainMapper"),
    ("airflow.partition_mappers.fixed_key", "airflow.assets.partitions", "FixedKeyMapper"),
    ("airflow.partition_mappers.identity", "airflow.assets.partitions", "IdentityMapper"),
    ("airflow.partition_mappers.product", "airflow.assets.partitions", "ProductMapper"),
    ("airflow.partition_mappers.temporal", "airflow.assets.partitions", _TEMPORAL),
    ("airflow.partition_mappers.wait_policy", "airflow.assets.partition_windows", f"WaitPolicy {_WAITS}"),
    ("airflow.partition_mappers.window", "airflow.assets.partition_windows", _WINDOWS.removesuffix(_WAITS)),
    # airflow.sdk and the modules behind it
    ("airflow.sdk", "airflow.io.path", "ObjectStoragePath"),
    ("airflow.sdk", "airflow.models.retry_policy", _RETRY),
    ("airflow.sdk", "airflow.models.async_operator", "BaseAsyncOperator ResumableJobMixin"),
    ("airflow.sdk", "airflow.models.taskinstancekey", "TaskInstanceKey"),
    ("airflow.sdk", "airflow.plugins_manager", "AirflowPlugin"),
    ("airflow.sdk", "airflow.utils.dag_parsing_context", "get_parsing_context"),
    ("airflow.sdk.bases.operator", "airflow.models.async_operator", "BaseAsyncOperator"),
    ("airflow.sdk.bases.resumablejobmixin", "airflow.models.async_operator", "ResumableJobMixin"),
    ("airflow.sdk.bases.decorator", "airflow.models.async_operator", "is_async_callable"),
    ("airflow.sdk.bases.decorator", "airflow.utils.operator_helpers", "KeywordParameters determine_kwargs"),
    ("airflow.sdk.definitions.retry_policy", "airflow.models.retry_policy", _RETRY),
    ("airflow.sdk.definitions.context", "airflow.utils.dag_parsing_context", "AirflowParsingContext"),
    ("airflow.sdk.definitions.context", "airflow.utils.dag_parsing_context", "get_parsing_context"),
    ("airflow.sdk.definitions.context", "airflow.utils.context_tools", "context_merge"),
    ("airflow.sdk.definitions.context", "airflow.operators.python", "get_current_context"),
    (_VIRTUAL_TYPES, "airflow.utils.types", "SET_DURING_EXECUTION SetDuringExecution"),
    (
        "airflow.sdk.definitions._internal.logging_mixin",
        "airflow.utils.log.logging_mixin",
        "LoggingMixin",
    ),
    ("airflow.sdk.execution_time.callback_runner", "airflow.utils.callable_runner", _CALLBACK_RUNNERS),
    ("airflow.sdk.execution_time.context", "airflow.utils.operator_helpers", _CONTEXT_NAMES),
    ("airflow.sdk.execution_time.context", "airflow.utils.context_tools", "context_get_outlet_events"),
    ("airflow.sdk.execution_time.secrets_masker", "airflow.utils.log.secrets", "mask_secret redact"),
    (
        "airflow.sdk.execution_time.task_runner",
        "airflow.models.taskinstance",
        "RuntimeTaskInstance=TaskInstance",
    ),
    ("airflow.sdk.io", "airflow.io.fs", "Properties get_fs has_fs"),
    ("airflow.sdk.io", "airflow.io.store", "ObjectStore attach"),
    ("airflow.sdk.io", "airflow.io.path", "ObjectStoragePath"),
    ("airflow.sdk.io.fs", "airflow.io.fs", "*"),
    ("airflow.sdk.io.store", "airflow.io.store", "*"),
    ("airflow.sdk.io.path", "airflow.io.path", "ObjectStoragePath"),
    ("airflow.sdk.io.typedef", "airflow.io.fs", "Properties"),
    ("airflow.sdk.lineage", "airflow.lineage.hook", _LINEAGE),
    ("airflow.sdk.listener", "airflow.listeners.manager", "get_listener_manager"),
    ("airflow.sdk.log", "airflow.utils.log.secrets", "relative_path_from_logger"),
    ("airflow.sdk.module_loading", "airflow.utils.module_loading", "*"),
    ("airflow.sdk.observability", "airflow.stats", "stats="),
    ("airflow.sdk.observability", "airflow.traces", "trace="),
    ("airflow.sdk.observability.stats", "airflow.stats", _STATS),
    ("airflow.sdk.observability.trace", "airflow.traces", "*"),
    ("airflow.sdk.observability.traces", "airflow.traces", "*"),
    ("airflow.sdk.plugins_manager", "airflow.plugins_manager", "AirflowPlugin AirflowPluginException"),
    ("airflow.sdk.providers_manager_runtime", "airflow.providers_manager", "*"),
    (
        "airflow.sdk.state",
        "airflow.models.state_store",
        "AssetScope BaseStoreBackend StoreScope TaskScope",
    ),
    ("airflow.sdk.types", "airflow.models.taskinstancekey", "TaskInstanceKey"),
    ("airflow.sdk.yaml", "airflow.utils.yaml", "safe_load dump"),
    ("airflow.sdk._shared.listeners", "airflow.listeners.marker", "hookimpl"),
    ("airflow.sdk._shared.module_loading", "airflow.utils.module_loading", "*"),
    ("airflow.sdk._shared.state", "airflow.models.state_store", "AssetScope BaseStoreBackend TaskScope"),
    ("airflow.sdk._shared.observability.metrics", "airflow.stats", "stats="),
    ("airflow.sdk._shared.observability.metrics.stats", "airflow.stats", _STATS),
    ("airflow.sdk._shared.observability.traces", "airflow.traces", "*"),
    ("airflow.sdk._shared.secrets_masker", "airflow.utils.log.secrets", "mask_secret redact"),
    ("airflow.sdk._shared.timezones.timezone", "airflow.utils.timezone", "*"),
    ("airflow.sdk._shared.timezones", "airflow.utils.timezone", "timezone="),
    ("airflow.exceptions", "airflow.rare_exceptions", "*"),
    ("airflow.sdk.exceptions", "airflow.rare_exceptions", "*"),
    ("airflow.utils.helpers", "airflow.utils.helpers_more", "*"),
    ("airflow.sdk.bases.operator", "airflow.models.constants", _PRIORITIES),
    ("airflow.sdk.bases.skipmixin", "airflow.models.constants", _SKIPPING),
    ("airflow.sdk.bases.secrets_backend", "airflow.secrets.base_secrets", "BaseSecretsBackend"),
    (
        "airflow.sdk.definitions.dag",
        "airflow.models.constants",
        "DagStateChangeCallback ScheduleArg TAG_MAX_LEN",
    ),
    ("airflow.sdk.definitions.operator_resources", "airflow.utils.operator_resources", "*"),
    ("airflow.sdk.definitions.retry_policy", "airflow.models.retry_policy", "ExceptionSpec"),
    ("airflow.sdk.listener", "airflow.listeners.manager", "ListenerManager"),
    ("airflow.sdk.plugins_manager", "airflow.plugins_manager", "is_valid_plugin"),
    ("airflow.task.trigger_rule", "airflow.utils.trigger_rule", "TriggerRule"),
    ("airflow.task.weight_rule", "airflow.utils.weight_rule", "WeightRule"),
    ("airflow.task.weight_rule", "airflow.models.constants", _PRIORITIES),
    # the same under the names of 1.10 and 2.x
    ("airflow.io", "airflow.io.fs", "Properties get_fs has_fs"),
    ("airflow.io", "airflow.io.store", "ObjectStore attach"),
    ("airflow.io.storage", "airflow.io.store", "ObjectStore attach"),
    ("airflow.io.typedef", "airflow.io.fs", "Properties"),
    ("airflow.dag_processing.dagbag", "airflow.models.dagbag", "DagBag"),
    ("airflow.listeners.listener", "airflow.listeners.manager", "get_listener_manager"),
    ("airflow.models", "airflow.models.dagbag", "DagBag"),
    ("airflow.models.taskinstance", "airflow.models.taskinstancekey", "TaskInstanceKey"),
    ("airflow.observability.stats", "airflow.stats", _STATS),
    ("airflow.observability.trace", "airflow.traces", "*"),
    ("airflow.observability.traces", "airflow.traces", "*"),
    ("airflow.hooks.base_hook", "airflow.models.constants", "CONN_ENV_PREFIX"),
    ("airflow.listeners.listener", "airflow.listeners.manager", "ListenerManager"),
    ("airflow.models", "airflow.models.constants", "ID_LEN Operator"),
    ("airflow.models.abstractoperator", "airflow.models.constants", "*"),
    ("airflow.models.base", "airflow.models.constants", "ID_LEN"),
    ("airflow.models.baseoperator", "airflow.models.constants", _BASEOPERATOR),
    ("airflow.models.connection", "airflow.models.constants", "CONN_ID_MAX_LEN"),
    ("airflow.models.dag", "airflow.models.constants", _DAG),
    ("airflow.models.operator", "airflow.models.constants", "Operator"),
    ("airflow.models.skipmixin", "airflow.models.constants", _SKIPPING),
    ("airflow.models.xcom", "airflow.models.constants", "MAX_XCOM_SIZE"),
    ("airflow.utils.dates", "airflow.utils.dates_more", "*"),
    ("airflow.utils.state", "airflow.utils.state_kinds", "CallbackState IntermediateTIState JobState"),
    ("airflow.utils.types", "airflow.utils.state_kinds", "DagRunTriggeredByType"),
    ("airflow.utils.weight_rule", "airflow.models.constants", _PRIORITIES),
    ("airflow.utils.xcom", "airflow.models.constants", "MAX_XCOM_SIZE"),
    ("airflow.settings", "airflow.stats", "Stats DummyStatsLogger"),
    ("airflow.traces.tracer", "airflow.traces", "*"),
    ("airflow.utils.context", "airflow.utils.context_tools", "context_get_outlet_events context_merge"),
    ("airflow.utils", "airflow.utils.decorators", "apply_defaults"),
    ("airflow.utils.db", "airflow.utils.session", "create_session provide_session NEW_SESSION"),
    (
        "airflow.utils.log.secrets_masker",
        "airflow.utils.log.secrets",
        "SecretsMasker should_hide_value_for_key",
    ),
    ("airflow.utils.operator_helpers", "airflow.utils.callable_runner", _CALLBACK_RUNNERS),
)
