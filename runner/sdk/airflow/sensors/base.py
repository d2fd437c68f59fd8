"""BaseSensorOperator: a task that looks again and again until what it waits for is there.

It keeps its process between two looks (`poke`) or gives it back (`reschedule`: the engine calls the task again). Either
way `timeout` is counted from the first look of this try.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import time
from collections.abc import Callable, Sequence
from typing import Any

from airflow._task.timeouts import pause
from airflow.configuration import conf
from airflow.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
)
from airflow.models.baseoperator import BaseOperator
from airflow.models.skipmixin import SkipMixin
from airflow.utils.timezone import utcnow

_LONGEST = dt.timedelta.max.total_seconds() - 1


class PokeReturnValue:
    """What `poke` may return: whether the wait is over, and a value to push as XCom when it is."""

    def __init__(self, is_done: bool, xcom_value: Any = None) -> None:
        self.is_done, self.xcom_value = is_done, xcom_value

    def __bool__(self) -> bool:
        return self.is_done


class BaseSensorOperator(BaseOperator, SkipMixin):
    """Base of sensors; subclasses define `poke(context)`, which returns something true when the wait is over.

    `poke_interval` (seconds or timedelta) passes between two looks; with `exponential_backoff` it grows, up to
    `max_wait`. After `timeout` the task fails and is not tried again. `soft_fail` skips it instead, when it times out
    or fails for good; `never_fail` skips it whatever goes wrong; `silent_fail` takes an error of `poke` for "not yet".
    Raises ValueError for values that make no sense.
    """

    ui_color = "#e6f1f2"
    valid_modes: Sequence[str] = ("poke", "reschedule")
    _is_sensor = True

    def __init__(
        self,
        *,
        poke_interval: dt.timedelta | float = 60,
        timeout: dt.timedelta | float | None = None,
        soft_fail: bool = False,
        mode: str = "poke",
        exponential_backoff: bool = False,
        max_wait: dt.timedelta | float | None = None,
        silent_fail: bool = False,
        never_fail: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if soft_fail and never_fail:
            raise ValueError(f"cannot create the sensor {self.task_id!r}: soft_fail excludes never_fail")
        if timeout is None:
            timeout = conf.getfloat("sensors", "default_timeout")
        self.poke_interval = _span("poke_interval", poke_interval).total_seconds()
        self.timeout: float = _span("timeout", timeout).total_seconds()
        self.max_wait = None if max_wait is None else _span("max_wait", max_wait)
        self.mode = mode
        if self.mode not in self.valid_modes:
            raise ValueError(
                f"cannot create the sensor {self.task_id!r}: mode is {mode!r}, not one of {self.valid_modes}"
            )
        self.exponential_backoff = exponential_backoff
        self.soft_fail, self.silent_fail, self.never_fail = soft_fail, silent_fail, never_fail

    @property
    def reschedule(self) -> bool:
        return self.mode == "reschedule"

    def poke(self, context: Any) -> bool | PokeReturnValue:
        """Look once."""
        raise AirflowException(f"cannot wait: {type(self).__name__} does not define poke(context)")

    def execute(self, context: Any) -> Any:
        began, elapsed = self._clock(context)
        looks = 1
        while not (found := self._look(context)):
            if elapsed() > self.timeout:
                message = f"the sensor waited for {elapsed():.1f} seconds, longer than its timeout of {self.timeout}"
                raise (AirflowSkipException if self.soft_fail else AirflowSensorTimeout)(message)
            seconds = self._get_next_poke_interval(began, elapsed, looks)
            if self.reschedule:
                raise AirflowRescheduleException(utcnow() + dt.timedelta(seconds=seconds))
            pause(seconds)
            looks += 1
        self.log.info("Success criteria met. Exiting.")
        return found.xcom_value if isinstance(found, PokeReturnValue) else None

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Any) -> Any:
        """Go on after a deferral. A trigger that took too long counts as the sensor's own time-out."""
        from airflow.exceptions import TaskDeferralError, TaskDeferralTimeout

        try:
            try:
                return super().resume_execution(next_method, next_kwargs, context)
            except TaskDeferralTimeout as error:
                raise AirflowSensorTimeout(*error.args) from error
        except AirflowSkipException:
            raise
        except (AirflowException, TaskDeferralError) as error:
            self._skip_if_allowed(error)
            raise

    def _clock(self, context: Any) -> tuple[Any, Callable[[], float]]:
        """When the first look was, and how long ago that is."""
        if not self.reschedule:
            start = time.monotonic()
            return start, lambda: time.monotonic() - start
        first = context["ti"].get_first_reschedule_date(context) or utcnow()
        return first, lambda: (utcnow() - first).total_seconds()

    def _look(self, context: Any) -> Any:
        """`poke`, with errors as the sensor's options want them."""
        try:
            return self.poke(context)
        except AirflowSkipException:
            raise
        except (AirflowSensorTimeout, AirflowTaskTimeout, AirflowFailException) as error:
            self._skip_if_allowed(error)
            raise
        except Exception as error:
            if self.silent_fail:
                self.log.exception("Sensor poke failed")
                return False
            if self.never_fail:
                raise AirflowSkipException("skipped because never_fail is set") from error
            raise

    def _skip_if_allowed(self, error: BaseException) -> None:
        for option in ("soft_fail", "never_fail"):
            if getattr(self, option):
                raise AirflowSkipException(f"skipped because {option} is set") from error

    def _get_next_poke_interval(
        self, started_at: Any, run_duration: Callable[[], float], poke_count: int
    ) -> float:
        """Seconds until the next look."""
        if not self.exponential_backoff:
            return self.poke_interval
        if self.reschedule:  # nobody counted the looks: as many as fit into the time that has passed
            passed, poke_count = 0.0, 0
            while passed <= run_duration():
                poke_count += 1
                passed += self._backoff(started_at, poke_count)
        seconds = min(self.timeout - int(run_duration()), self._backoff(started_at, poke_count))
        if self.max_wait:
            seconds = min(self.max_wait.total_seconds(), seconds)
        self.log.info("new %s interval is %s", self.mode, seconds)
        return max(seconds, 0.0)

    def _backoff(self, started_at: Any, look: int) -> float:
        """The pause after a look: it doubles, and differs between sensors so that they do not look all at once."""
        least = max(int(self.poke_interval * 2 ** (look - 2)), 1)
        seed = f"{self.dag_id}#{self.task_id}#{started_at}#{look}".encode()
        return min(least + int(hashlib.sha1(seed, usedforsecurity=False).hexdigest(), 16) % least, _LONGEST)


def poke_mode_only(cls: type) -> type:
    """A class decorator: the sensor may not be rescheduled, because it remembers something between two looks."""
    if not issubclass(cls, BaseSensorOperator):
        raise ValueError(f"cannot use poke_mode_only on {cls.__name__}: it is no sensor")

    def refuse(self: Any, value: str) -> None:
        if value != "poke":
            raise ValueError(f"cannot set the mode of {cls.__name__} to {value!r}: only 'poke' is possible")

    cls.mode = property(lambda self: "poke", refuse)  # type: ignore[assignment]
    return cls


def _span(name: str, value: dt.timedelta | float) -> dt.timedelta:
    if isinstance(value, dt.timedelta):
        return value
    if isinstance(value, (int, float)) and value >= 0:
        return dt.timedelta(seconds=value)
    raise ValueError(
        f"cannot use {value!r} as {name}: it must be a timedelta or a number of seconds, 0 or more"
    )


def begin_with_trigger(
    task: Any, classpath: str, kwargs: dict[str, Any], timeout: dt.timedelta | None = None
) -> None:
    """Let the task begin with its trigger: no process of its own before that fires."""
    from airflow.triggers.base import StartTriggerArgs

    task.start_from_trigger = True
    task.start_trigger_args = StartTriggerArgs(
        trigger_cls=classpath, trigger_kwargs=kwargs, next_method="execute_complete", timeout=timeout
    )


def default_deferrable(given: bool | None) -> bool:
    """What the task says, or else the environment's [operators] default_deferrable."""
    return conf.getboolean("operators", "default_deferrable") if given is None else given
