"""What mapping adds to an attempt: being an instance, having a name, and returning what can be mapped over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow._task.context import change_task
from airflow.configuration import conf
from airflow.exceptions import UnmappableXComLengthPushed, UnmappableXComTypePushed, XComForMappingNotPushed


def become_instance(context: Any) -> Any:
    """The task that the instance is; the context is its own from now on. Raises what `.map()` functions raise."""
    task = context["task"].unmap(context)
    change_task(context, task)
    return task


def name_instance(context: Any) -> str:
    """What `map_index_template` gives with the context as the task has left it."""
    return str(context["task"].render_template(str(context["map_index_template"]), context))


def check_mappable(task: Any, result: Any) -> None:
    """Raises when `result` is nothing that the tasks mapped over it could be mapped over."""
    what = f"cannot map over the output of {task.task_id!r}"
    if result is None or not task.do_xcom_push:
        raise XComForMappingNotPushed(f"{what}: it returned nothing, or do_xcom_push is off")
    if not isinstance(result, (Sequence, dict)) or isinstance(result, (str, bytes, bytearray)):
        raise UnmappableXComTypePushed(f"{what}: a {type(result).__qualname__} has no items")
    longest = conf.getint("core", "max_map_length")
    if len(result) > longest:
        raise UnmappableXComLengthPushed(
            f"{what}: it has {len(result)} items, and [core] max_map_length is {longest}"
        )
