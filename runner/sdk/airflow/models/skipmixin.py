"""How an operator skips tasks: it notes their ids, and they go to the engine with its final word.

What was skipped, or followed, is an XCom too, under the key that people know from Airflow: the engine reads it when a
task below is cleared alone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from airflow._wire.messages import SKIP_NOTE
from airflow.exceptions import AirflowException

log = logging.getLogger("airflow.task.skip")
XCOM_SKIPMIXIN_KEY = SKIP_NOTE
XCOM_SKIPMIXIN_SKIPPED = "skipped"
XCOM_SKIPMIXIN_FOLLOWED = "followed"


class SkipMixin:
    """Gives an operator `skip` and `skip_all_except`. The ids end up in the `skip` detail of its outcome."""

    def skip(self, *args: Any, tasks: Iterable[Any] = (), **kwargs: Any) -> None:
        """Skip these tasks of this run. Older forms `skip(dag_run, execution_date, tasks)` are understood."""
        found = args[-1] if args and not tasks else tasks
        ids = sorted({item.task_id for item in found})
        if ids:
            _leave_note({XCOM_SKIPMIXIN_SKIPPED: ids})
        self._skip(ids)

    def _skip(self, ids: list[str]) -> None:
        if ids:
            log.info("Skipping tasks %s", ids)
        noted = self.__dict__.setdefault("skipped_task_ids", [])
        noted.extend(task_id for task_id in ids if task_id not in noted)

    def skip_all_except(self, ti: Any, branch_task_ids: str | Iterable[str] | None) -> None:
        """Skip all direct successors but the named ones and what those lead to.

        A chosen task that is no direct successor is not refused: then nothing but what leads from it is kept.
        """
        task = ti.task
        chosen = _task_ids(task.dag, branch_task_ids)
        below = task.downstream_task_ids
        kept = set(chosen)
        for task_id in chosen:
            kept |= task.dag.get_task(task_id).get_flat_relative_ids()
        if below:
            _leave_note({XCOM_SKIPMIXIN_FOLLOWED: sorted(below & kept)})
        self._skip(sorted(below - kept))


class BranchMixIn(SkipMixin):
    """`do_branch`: follow what a function chose."""

    def do_branch(self, context: Any, branches_to_execute: str | Iterable[str] | None) -> Any:
        if isinstance(branches_to_execute, Iterator):
            branches_to_execute = list(branches_to_execute)
        log.info("Branch into %s", branches_to_execute)
        self.skip_all_except(context["ti"], branches_to_execute)
        return branches_to_execute


def _leave_note(what: dict[str, list[str]]) -> None:
    """There is a place for it in a running task only."""
    from airflow._task.context import find_context

    context = find_context()
    if context is not None:
        context["ti"].xcom_push(XCOM_SKIPMIXIN_KEY, what)


def _task_ids(dag: Any, chosen: str | Iterable[str] | None) -> set[str]:
    """The ids as a set, a group standing for its first tasks. Raises AirflowException for what is no id."""
    if chosen is None:
        return set()
    names: Sequence[Any] = (
        [chosen] if isinstance(chosen, str) else list(chosen) if _is_listing(chosen) else [chosen]
    )
    found: set[str] = set()
    for name in names:
        if not isinstance(name, str):
            raise AirflowException(
                f"cannot follow the branch {name!r}: it is a {type(name).__qualname__}, not a task id"
            )
        if name in dag.task_group_dict:
            found.update(task.task_id for task in dag.task_group_dict[name].roots)
        elif dag.has_task(name):
            found.add(name)
        else:
            raise AirflowException(
                f"cannot follow the branch {name!r}: DAG {dag.dag_id!r} has no such task or group"
            )
    return found


def _is_listing(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes))
