"""What triggers derive from, and what they fire with.

A trigger is made twice: by the task that defers, and again, from what its `serialize()` gave, in the triggerer.
Whatever it knows beyond that is lost on the way.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Union

from airflow.utils.state import TaskInstanceState

__all__ = [
    "BaseEventTrigger",
    "BaseTaskEndEvent",
    "BaseTrigger",
    "DiscrimatedTriggerEvent",
    "StartTriggerArgs",
    "TaskFailedEvent",
    "TaskSkippedEvent",
    "TaskSuccessEvent",
    "TriggerEvent",
]


@dataclass
class StartTriggerArgs:
    """The trigger with which a task begins when its operator has `start_from_trigger`."""

    trigger_cls: str
    next_method: str
    trigger_kwargs: dict[str, Any] | None = None
    next_kwargs: dict[str, Any] | None = None
    timeout: timedelta | None = None


class TriggerEvent:
    """What a trigger yields; `payload` is the `event` of the method that the task goes on with.

    The payload must have a JSON form, or be of a type that XComs can hold.
    """

    def __init__(self, payload: Any, **_: Any) -> None:
        self.payload = payload

    def __repr__(self) -> str:
        return f"TriggerEvent<{self.payload!r}>"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    __hash__ = None  # type: ignore[assignment]


class BaseTaskEndEvent(TriggerEvent):
    """Ends the task in `task_instance_state`, with these XComs; none of its methods is called."""

    task_instance_state: TaskInstanceState

    def __init__(self, *, xcoms: dict[str, Any] | None = None, **kwargs: Any) -> None:
        if "payload" in kwargs:
            raise ValueError(f"cannot make a {type(self).__name__} with a payload: it has XComs only")
        super().__init__(str(self.task_instance_state))
        self.xcoms = xcoms


class TaskSuccessEvent(BaseTaskEndEvent):
    """The task has succeeded."""

    task_instance_state = TaskInstanceState.SUCCESS


class TaskFailedEvent(BaseTaskEndEvent):
    """The task has failed."""

    task_instance_state = TaskInstanceState.FAILED


class TaskSkippedEvent(BaseTaskEndEvent):
    """The task is skipped."""

    task_instance_state = TaskInstanceState.SKIPPED


DiscrimatedTriggerEvent = Union[TriggerEvent, TaskSuccessEvent, TaskFailedEvent, TaskSkippedEvent]  # noqa: UP007


class BaseTrigger(ABC):
    """Base of all triggers. Subclasses define `serialize()` and the asynchronous generator `run()`.

    `trigger_id` and `task_instance` (dag_id, run_id, task_id, map_index, try_number of the task that waits) are set
    before `run()` begins.
    """

    supports_triggerer_queue: ClassVar[bool] = True
    template_fields: Any = ()
    template_ext: Any = ()
    trigger_id: Any = None
    task_instance: Any = None

    def __init__(self, **kwargs: Any) -> None:
        self.trigger_id = None
        self.task_instance = None

    @property
    def task_id(self) -> str | None:
        """The id of the task that waits, or None."""
        return getattr(self.task_instance, "task_id", None)

    @property
    def task(self) -> Any:
        """The operator, where it is known."""
        return getattr(self.task_instance, "task", None)

    @property
    def log(self) -> logging.Logger:
        """The trigger's logger; what it logs is in the log of the task that waits."""
        return logging.getLogger(f"{type(self).__module__}.{type(self).__name__}")

    def _set_context(self, context: Any) -> None:  # noqa: B027 - nothing to do
        """Logging needs no context here."""

    @abstractmethod
    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class's dotted name, and the keyword arguments that make this trigger again."""
        raise NotImplementedError(f"cannot hand over {type(self).__name__}: it does not define serialize()")

    @abstractmethod
    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, then yield an event. The first one sends the task on its way; the generator is then closed."""
        raise NotImplementedError(f"cannot run {type(self).__name__}: it does not define run()")
        yield

    async def cleanup(self) -> None:  # noqa: B027 - to be overridden, or not
        """Called whenever the trigger ends here: it fired, was cancelled, or its process ends. Errors are logged."""

    async def on_kill(self) -> None:  # noqa: B027 - to be overridden, or not
        """Called when a user ends the waiting task: stop what would go on outside. Not called when it times out."""

    @staticmethod
    def repr(classpath: str, kwargs: dict[str, Any]) -> str:
        listed = ", ".join(f"{name}={value}" for name, value in kwargs.items())
        return f"<{classpath} {listed}>"

    def __repr__(self) -> str:
        return self.repr(*self.serialize())


class BaseEventTrigger(BaseTrigger):
    """Base of triggers that watch for an asset's events: `run()` goes on and yields again and again."""

    supports_triggerer_queue = False
    asset_state_store: Any = None

    @staticmethod
    def hash(classpath: str, kwargs: dict[str, Any]) -> int:
        """Equal for triggers that watch the same thing."""
        from airflow._wire import encoding

        return hash((classpath, encoding.dumps(dict(sorted(kwargs.items())))))

    def shared_stream_key(self) -> Any:
        """Triggers of one key may share one source of raw events; None: this one has its own."""
        return None
