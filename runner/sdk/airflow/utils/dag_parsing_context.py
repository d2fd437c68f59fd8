"""What a DAG file is being read for: all its DAGs, or one task that is about to run."""

from __future__ import annotations

import os
from typing import NamedTuple


class AirflowParsingContext(NamedTuple):
    """Both None when the file is read for all that is in it."""

    dag_id: str | None
    task_id: str | None


def get_parsing_context() -> AirflowParsingContext:
    """Which DAG and task this process reads the file for.

    A file zygote serves every task of its file: there both are None, and a file that skips DAGs by this makes them all.
    """
    return AirflowParsingContext(
        os.environ.get("_AIRFLOW_PARSING_CONTEXT_DAG_ID"), os.environ.get("_AIRFLOW_PARSING_CONTEXT_TASK_ID")
    )
