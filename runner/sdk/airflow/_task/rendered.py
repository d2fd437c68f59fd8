"""What became of a task's templated fields, for people to read. Bounded: it goes with the task's last word."""

from __future__ import annotations

import json
from typing import Any

from airflow.configuration import conf
from airflow.utils.log.secrets import redact


def describe_fields(task: Any) -> dict[str, Any]:
    """Every templated field: its value where JSON has a form for it, else its text, shortened where it is long."""
    limit = conf.getint("core", "max_templated_field_length")
    return {name: _describe(redact(getattr(task, name, None), name), limit) for name in task.template_fields}


def _describe(value: Any, limit: int) -> Any:
    """Values nobody can show are said to be of their type: showing must not end the task."""
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        try:
            value = text = str(value)
        except Exception:
            value = text = f"<{type(value).__qualname__}>"
    if len(text) <= limit:
        return value
    return f"Truncated to [core] max_templated_field_length. {text[:limit]!r}..."
