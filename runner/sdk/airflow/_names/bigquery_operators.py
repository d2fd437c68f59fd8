"""BigQuery operators that the google provider dropped, as the ones it offers in their place."""

from __future__ import annotations

from typing import Any

from airflow.providers.google.cloud.operators.bigquery import (
    BigQueryCreateTableOperator,
    BigQueryInsertJobOperator,
)

_QUERY_OPTIONS = {
    "write_disposition": "writeDisposition",
    "create_disposition": "createDisposition",
    "allow_large_results": "allowLargeResults",
    "flatten_results": "flattenResults",
    "use_legacy_sql": "useLegacySql",
    "maximum_billing_tier": "maximumBillingTier",
    "maximum_bytes_billed": "maximumBytesBilled",
    "schema_update_options": "schemaUpdateOptions",
    "query_params": "queryParameters",
    "priority": "priority",
    "time_partitioning": "timePartitioning",
    "encryption_configuration": "destinationEncryptionConfiguration",
}
_DEFAULTS = {
    "write_disposition": "WRITE_EMPTY",
    "create_disposition": "CREATE_IF_NEEDED",
    "use_legacy_sql": True,
    "priority": "INTERACTIVE",
}


class BigQueryExecuteQueryOperator(BigQueryInsertJobOperator):
    """A query job; `sql` and the options become its configuration."""

    def __init__(
        self,
        *,
        sql: Any = None,
        bql: Any = None,
        destination_dataset_table: str | None = None,
        gcp_conn_id: str | None = None,
        bigquery_conn_id: str | None = None,
        labels: dict[str, str] | None = None,
        cluster_fields: list[str] | None = None,
        api_resource_configs: dict[str, Any] | None = None,
        udf_config: Any = None,
        delegate_to: str | None = None,
        **kwargs: Any,
    ) -> None:
        given = _DEFAULTS | {key: kwargs.pop(key) for key in _QUERY_OPTIONS if key in kwargs}
        query: dict[str, Any] = {
            _QUERY_OPTIONS[key]: value for key, value in given.items() if value is not None
        }
        query["query"] = sql if sql is not None else bql
        if destination_dataset_table:
            query["destinationTable"] = _table(destination_dataset_table)
        if cluster_fields:
            query["clustering"] = {"fields": cluster_fields}
        if udf_config:
            query["userDefinedFunctionResources"] = udf_config
        more = dict(api_resource_configs or {})
        configuration: dict[str, Any] = {**more, "query": {**query, **more.get("query", {})}}
        if labels:
            configuration["labels"] = labels
        connection = gcp_conn_id or bigquery_conn_id or "google_cloud_default"
        super().__init__(configuration=configuration, gcp_conn_id=connection, **kwargs)


class BigQueryCreateEmptyTableOperator(BigQueryCreateTableOperator):
    """A table; its schema and options become the table resource."""

    def __init__(
        self,
        *,
        table_resource: dict[str, Any] | None = None,
        schema_fields: list[Any] | None = None,
        time_partitioning: dict[str, Any] | None = None,
        cluster_fields: list[str] | None = None,
        labels: dict[str, str] | None = None,
        view: dict[str, Any] | None = None,
        materialized_view: dict[str, Any] | None = None,
        encryption_configuration: dict[str, Any] | None = None,
        gcp_conn_id: str | None = None,
        bigquery_conn_id: str | None = None,
        google_cloud_storage_conn_id: str | None = None,
        delegate_to: str | None = None,
        exists_ok: bool | None = None,
        **kwargs: Any,
    ) -> None:
        described = {
            "schema": {"fields": schema_fields} if schema_fields else None,
            "timePartitioning": time_partitioning,
            "clustering": {"fields": cluster_fields} if cluster_fields else None,
            "labels": labels,
            "view": view,
            "materializedView": materialized_view,
            "encryptionConfiguration": encryption_configuration,
        }
        resource = {key: value for key, value in described.items() if value} | (table_resource or {})
        if exists_ok is not None:
            kwargs.setdefault("if_exists", "ignore" if exists_ok else "log")
        connection = gcp_conn_id or bigquery_conn_id or "google_cloud_default"
        super().__init__(table_resource=resource, gcp_conn_id=connection, **kwargs)


class BigQueryCreateExternalTableOperator(BigQueryCreateTableOperator):
    """A table over files in a bucket."""

    def __init__(
        self,
        *,
        destination_project_dataset_table: str | None = None,
        bucket: str | None = None,
        source_objects: list[str] | None = None,
        source_format: str = "CSV",
        autodetect: bool = False,
        schema_fields: list[Any] | None = None,
        table_resource: dict[str, Any] | None = None,
        gcp_conn_id: str | None = None,
        bigquery_conn_id: str | None = None,
        skip_leading_rows: int | None = None,
        field_delimiter: str = ",",
        src_fmt_configs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        external: dict[str, Any] = {
            "sourceUris": [f"gs://{bucket}/{each}" for each in source_objects or ()],
            "sourceFormat": source_format,
            "autodetect": autodetect,
        }
        if source_format == "CSV":
            options = {"fieldDelimiter": field_delimiter, "skipLeadingRows": skip_leading_rows}
            external["csvOptions"] = {key: value for key, value in options.items() if value is not None}
        if schema_fields:
            external["schema"] = {"fields": schema_fields}
        external |= src_fmt_configs or {}
        place = _table(destination_project_dataset_table) if destination_project_dataset_table else {}
        kwargs = {"dataset_id": place.get("datasetId"), "table_id": place.get("tableId"), **kwargs}
        if place.get("projectId"):
            kwargs.setdefault("project_id", place["projectId"])
        connection = gcp_conn_id or bigquery_conn_id or "google_cloud_default"
        resource = table_resource or {"externalDataConfiguration": external}
        super().__init__(table_resource=resource, gcp_conn_id=connection, **kwargs)


def _table(text: str) -> dict[str, str]:
    """`project.dataset.table` (or `project:dataset.table`, or without a project) as a table reference."""
    *before, dataset, table = text.replace(":", ".").split(".")
    found = {"datasetId": dataset, "tableId": table}
    return {"projectId": ".".join(before), **found} if before else found
