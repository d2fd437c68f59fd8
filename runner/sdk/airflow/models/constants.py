"""Values that modules of Airflow have by name, where users' code may look for them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from airflow.utils.trigger_rule import TriggerRule
from airflow.utils.weight_rule import WeightRule

DEFAULT_OWNER = "airflow"
DEFAULT_POOL_SLOTS = 1
DEFAULT_PRIORITY_WEIGHT = 1
DEFAULT_QUEUE = "default"
DEFAULT_EXECUTOR: str | None = None
DEFAULT_IGNORE_FIRST_DEPENDS_ON_PAST = False
DEFAULT_WAIT_FOR_PAST_DEPENDS_BEFORE_SKIPPING = False
DEFAULT_RETRIES = 0
DEFAULT_RETRY_DELAY = dt.timedelta(seconds=300)
MAX_RETRY_DELAY = 24 * 60 * 60
DEFAULT_TASK_EXECUTION_TIMEOUT: dt.timedelta | None = None
DEFAULT_TRIGGER_RULE = TriggerRule.ALL_SUCCESS
DEFAULT_WEIGHT_RULE = WeightRule.DOWNSTREAM

DB_SAFE_MINIMUM, DB_SAFE_MAXIMUM = -(2**31), 2**31 - 1
DEFAULT_VIEW_PRESETS = ["grid", "graph", "duration", "gantt", "landing_times"]
ORIENTATION_PRESETS = ["LR", "TB", "RL", "BT"]
DEFAULT_SCHEDULE_INTERVAL = dt.timedelta(days=1)
TAG_MAX_LEN = 100
MAX_XCOM_SIZE = 49344
XCOM_SKIPMIXIN_KEY = "skipmixin_key"
XCOM_SKIPMIXIN_SKIPPED, XCOM_SKIPMIXIN_FOLLOWED = "skipped", "followed"
CONN_ENV_PREFIX = "AIRFLOW_CONN_"
CONN_ID_MAX_LEN = 200
ID_LEN = 250

ScheduleInterval = ScheduleIntervalArg = ScheduleArg = Any
DagStateChangeCallback = SLAMissCallback = TaskStateChangeCallback = TaskPreExecuteHook = (
    TaskPostExecuteHook
) = Any
Chainable = Operator = Any


def db_safe_priority(priority_weight: int) -> int:
    """A weight that a database's integer can hold."""
    return max(DB_SAFE_MINIMUM, min(DB_SAFE_MAXIMUM, priority_weight))
