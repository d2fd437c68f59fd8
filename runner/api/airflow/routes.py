"""Every route of REST v2 in one table: method, path below /api/v2, handler, and the least role that may call it."""

from __future__ import annotations

from runner.api.airflow import (
    admin,
    assets,
    backfills,
    bulk,
    clearing,
    connections,
    dag_facts,
    dag_runs,
    dags,
    event_logs,
    hitl,
    logs,
    partitions,
    pools,
    run_edits,
    task_groups,
    task_instances,
    variables,
    xcoms,
)
from runner.api.auth import Role
from runner.api.call import Handler

_PUBLIC, _VIEWER, _USER, _OP = Role.PUBLIC, Role.VIEWER, Role.USER, Role.OP

_DAG = "/dags/{dag_id}"
_RUN = f"{_DAG}/dagRuns/{{dag_run_id}}"
_TIS = f"{_RUN}/taskInstances"
_TI = f"{_TIS}/{{task_id}}"
_GROUP = f"{_RUN}/taskGroupInstances/{{group_id}}"
_MAPPED = f"{_TI}/{{map_index}}"
_XCOM = f"{_TI}/xcomEntries"
_ASSET = "/assets/{asset_id}"
_BACKFILL = "/backfills/{backfill_id}"

ROUTES: tuple[tuple[str, str, Handler, Role], ...] = (
    # the environment
    ("GET", "/version", admin.get_version, _PUBLIC),
    ("GET", "/monitor/health", admin.get_health, _PUBLIC),
    ("GET", "/importErrors", admin.list_import_errors, _VIEWER),
    ("GET", "/importErrors/{import_error_id}", admin.get_import_error, _VIEWER),
    ("GET", "/jobs", admin.list_jobs, _VIEWER),
    ("GET", "/plugins", admin.list_plugins, _VIEWER),
    ("GET", "/plugins/importErrors", admin.list_plugin_errors, _VIEWER),
    ("GET", "/providers", admin.list_providers, _OP),
    ("GET", "/config", admin.refuse_config, _VIEWER),
    ("GET", "/config/section/{section}/option/{option}", admin.refuse_config, _VIEWER),
    ("GET", "/eventLogs", event_logs.list_event_logs, _OP),
    ("GET", "/eventLogs/{event_log_id}", event_logs.get_event_log, _OP),
    ("GET", "/dagWarnings", event_logs.list_dag_warnings, _VIEWER),
    # DAGs
    ("GET", "/dagStats", dag_facts.list_stats, _VIEWER),
    ("GET", "/dagTags", dag_facts.list_tags, _VIEWER),
    ("PATCH", "/dags", dag_facts.patch_dags, _USER),
    ("GET", "/dags", dags.list_dags, _VIEWER),
    ("GET", _DAG, dags.get_dag, _VIEWER),
    ("PATCH", _DAG, dags.patch_dag, _USER),
    ("DELETE", _DAG, dags.delete_dag, _USER),
    ("GET", f"{_DAG}/details", dags.get_details, _VIEWER),
    ("GET", f"{_DAG}/tasks", dags.list_tasks, _VIEWER),
    ("GET", f"{_DAG}/tasks/{{task_id}}", dags.get_task, _VIEWER),
    ("GET", f"{_DAG}/dagVersions", dags.list_versions, _VIEWER),
    ("GET", f"{_DAG}/dagVersions/{{version_number}}", dags.get_version, _VIEWER),
    ("GET", "/dagSources/{dag_id}", dags.get_source, _VIEWER),
    # runs
    ("GET", f"{_DAG}/dagRuns", dag_runs.list_runs, _VIEWER),
    ("POST", f"{_DAG}/dagRuns", dag_runs.trigger, _USER),
    ("POST", f"{_DAG}/dagRuns/list", dag_runs.list_batch, _VIEWER),
    ("GET", _RUN, dag_runs.get_run, _VIEWER),
    ("PATCH", _RUN, run_edits.patch_run, _USER),
    ("DELETE", _RUN, run_edits.delete_run, _USER),
    ("POST", f"{_RUN}/clear", run_edits.clear_run, _USER),
    ("POST", f"{_DAG}/clearDagRuns", run_edits.clear_runs, _USER),
    ("POST", f"{_DAG}/clearPartitions", partitions.clear_partitions, _USER),
    # backfills
    ("GET", "/backfills", backfills.list_backfills, _VIEWER),
    ("POST", "/backfills", backfills.create_backfill, _USER),
    ("POST", "/backfills/dry_run", backfills.try_backfill, _USER),
    ("GET", _BACKFILL, backfills.get_backfill, _VIEWER),
    ("PUT", f"{_BACKFILL}/pause", backfills.pause_backfill, _USER),
    ("PUT", f"{_BACKFILL}/unpause", backfills.unpause_backfill, _USER),
    ("PUT", f"{_BACKFILL}/cancel", backfills.cancel_backfill, _USER),
    # task instances
    ("POST", f"{_DAG}/clearTaskInstances", clearing.clear_task_instances, _USER),
    ("GET", _TIS, task_instances.list_task_instances, _VIEWER),
    ("POST", f"{_TIS}/list", task_instances.list_batch, _VIEWER),
    ("GET", f"{_TI}/listMapped", task_instances.list_mapped, _VIEWER),
    ("GET", f"{_TI}/tries", task_instances.list_tries, _VIEWER),
    ("GET", f"{_TI}/tries/{{task_try_number}}", task_instances.get_try, _VIEWER),
    ("GET", f"{_TI}/logs/{{try_number}}", logs.get_log, _VIEWER),
    ("GET", f"{_TI}/externalLogUrl/{{try_number}}", logs.refuse_external, _VIEWER),
    ("PATCH", f"{_GROUP}/dry_run", task_groups.try_patch_group, _USER),
    ("PATCH", _GROUP, task_groups.patch_group, _USER),
    ("PATCH", f"{_TI}/dry_run", task_instances.try_patch, _USER),
    ("GET", _TI, task_instances.get_task_instance, _VIEWER),
    ("PATCH", _TI, task_instances.patch_task_instance, _USER),
    # XCom (keys may contain slashes)
    ("GET", _XCOM, xcoms.list_xcoms, _VIEWER),
    ("POST", _XCOM, xcoms.post_xcom, _USER),
    ("GET", f"{_XCOM}/{{xcom_key:path}}", xcoms.get_xcom, _VIEWER),
    ("PATCH", f"{_XCOM}/{{xcom_key:path}}", xcoms.patch_xcom, _USER),
    ("DELETE", f"{_XCOM}/{{xcom_key:path}}", xcoms.delete_xcom, _OP),
    # one of a mapped task's instances (last: an index looks like any other word)
    ("GET", f"{_MAPPED}/tries", task_instances.list_tries, _VIEWER),
    ("GET", f"{_MAPPED}/tries/{{task_try_number}}", task_instances.get_try, _VIEWER),
    ("GET", f"{_RUN}/hitlDetails", hitl.list_details, _VIEWER),
    ("GET", f"{_MAPPED}/hitlDetails", hitl.get_detail, _VIEWER),
    ("PATCH", f"{_MAPPED}/hitlDetails", hitl.answer, _USER),
    ("PATCH", f"{_MAPPED}/dry_run", task_instances.try_patch, _USER),
    ("GET", _MAPPED, task_instances.get_task_instance, _VIEWER),
    ("PATCH", _MAPPED, task_instances.patch_task_instance, _USER),
    # assets
    ("GET", "/assets", assets.list_assets, _VIEWER),
    ("GET", "/assets/aliases", assets.list_aliases, _VIEWER),
    ("GET", "/assets/aliases/{asset_alias_id}", assets.get_alias, _VIEWER),
    ("GET", "/assets/events", assets.list_events, _VIEWER),
    ("POST", "/assets/events", assets.post_event, _OP),
    ("GET", _ASSET, assets.get_asset, _VIEWER),
    ("POST", f"{_ASSET}/materialize", assets.materialize, _OP),
    ("GET", f"{_ASSET}/queuedEvents", assets.list_queued, _VIEWER),
    ("DELETE", f"{_ASSET}/queuedEvents", assets.delete_queued, _OP),
    ("GET", f"{_DAG}/assets/queuedEvents", assets.list_queued, _VIEWER),
    ("DELETE", f"{_DAG}/assets/queuedEvents", assets.delete_queued, _OP),
    ("GET", f"{_DAG}{_ASSET}/queuedEvents", assets.get_queued, _VIEWER),
    ("DELETE", f"{_DAG}{_ASSET}/queuedEvents", assets.delete_queued, _OP),
    ("GET", f"{_RUN}/upstreamAssetEvents", assets.list_of_run, _VIEWER),
    # configuration (variable keys may contain slashes)
    ("GET", "/variables", variables.list_variables, _OP),
    ("POST", "/variables", variables.post_variable, _OP),
    ("GET", "/variables/{variable_key:path}", variables.get_variable, _OP),
    ("PATCH", "/variables", bulk.change_variables, _OP),
    ("PATCH", "/variables/{variable_key:path}", variables.patch_variable, _OP),
    ("DELETE", "/variables/{variable_key:path}", variables.delete_variable, _OP),
    ("GET", "/connections", connections.list_connections, _OP),
    ("POST", "/connections", connections.post_connection, _OP),
    ("POST", "/connections/test", connections.refuse_test, _OP),
    ("GET", "/connections/{connection_id}", connections.get_connection, _OP),
    ("PATCH", "/connections", bulk.change_connections, _OP),
    ("PATCH", "/connections/{connection_id}", connections.patch_connection, _OP),
    ("DELETE", "/connections/{connection_id}", connections.delete_connection, _OP),
    ("GET", "/pools", pools.list_pools, _VIEWER),
    ("POST", "/pools", pools.post_pool, _OP),
    ("GET", "/pools/{pool_name}", pools.get_pool, _VIEWER),
    ("PATCH", "/pools", bulk.change_pools, _OP),
    ("PATCH", "/pools/{pool_name}", pools.patch_pool, _OP),
    ("DELETE", "/pools/{pool_name}", pools.delete_pool, _OP),
)
