"""How long to wait before the next try."""

from __future__ import annotations

import hashlib
import math

from runner.domain.spec import TaskSpec

MAX_DELAY = 24 * 3600.0
"""The most that backoff waits where a task has no bound. One that was parsed has: the environment's, or its own."""


def retry_delay(task: TaskSpec, try_number: int, seed: str) -> float:
    """Seconds between the end of try `try_number` (from 1) and the next.

    With exponential backoff the delay is between one and two times `retry_delay * factor ** (try_number - 1)`, chosen
    by `seed`, so that tasks that failed together do not come back together and a replay chooses the same.
    """
    if not task.retry_exponential_backoff:
        return task.retry_delay
    limit = MAX_DELAY if task.max_retry_delay is None else task.max_retry_delay
    try:
        least = max(1, math.ceil(task.retry_delay * task.retry_exponential_backoff ** (try_number - 1)))
    except OverflowError:
        return limit
    spread = int.from_bytes(hashlib.sha256(f"{seed}#{try_number}".encode()).digest()[:8], "big") % least
    return min(limit, float(least + spread))
