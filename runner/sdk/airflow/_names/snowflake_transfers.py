"""S3ToSnowflakeOperator, as the operator that took its place."""

from __future__ import annotations

from typing import Any

from airflow.providers.snowflake.transfers.copy_into_snowflake import CopyFromExternalStageToSnowflakeOperator


class S3ToSnowflakeOperator(CopyFromExternalStageToSnowflakeOperator):
    """Copies files of a stage into a table; `s3_keys` are the files."""

    def __init__(self, *, s3_keys: list[str] | None = None, **kwargs: Any) -> None:
        if s3_keys is not None:
            kwargs.setdefault("files", s3_keys)
        super().__init__(**kwargs)
