"""Retry policies: what an exception means for the retries of its task."""

from __future__ import annotations

import abc
import datetime as dt
import logging
from dataclasses import dataclass
from enum import Enum
from typing import Any

from airflow.utils.module_loading import import_string, qualname

log = logging.getLogger("airflow.task")

ExceptionSpec = type[BaseException] | str


class RetryAction(Enum):
    """What follows a failure: another try if one is left, none at all, or what the task says."""

    RETRY = "retry"
    FAIL = "fail"
    DEFAULT = "default"


@dataclass(frozen=True)
class RetryDecision:
    """A policy's answer; the delay is the task's own when it names none."""

    action: RetryAction = RetryAction.DEFAULT
    retry_delay: dt.timedelta | None = None
    reason: str | None = None

    @classmethod
    def fail(cls, reason: str | None = None) -> RetryDecision:
        return cls(RetryAction.FAIL, reason=reason)

    @classmethod
    def retry(cls, delay: dt.timedelta | None = None, reason: str | None = None) -> RetryDecision:
        return cls(RetryAction.RETRY, delay, reason)

    @classmethod
    def default(cls) -> RetryDecision:
        return cls()


class RetryPolicy(abc.ABC):
    """Base of policies; `evaluate` runs in the task's process."""

    @abc.abstractmethod
    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Any = None
    ) -> RetryDecision:
        """What to do about this failure."""

    def serialize(self) -> dict[str, Any]:
        raise NotImplementedError(f"cannot serialise {type(self).__name__}: it does not define serialize()")

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> RetryPolicy:
        raise NotImplementedError(f"cannot read a {cls.__name__}: it does not define deserialize()")


@dataclass
class RetryRule:
    """Exceptions (classes or dotted names, one or several) and what they mean. Raises ValueError for a bare name."""

    exception: ExceptionSpec | list[ExceptionSpec]
    action: RetryAction = RetryAction.RETRY
    retry_delay: dt.timedelta | None = None
    reason: str | None = None
    match_subclasses: bool = True

    def __post_init__(self) -> None:
        for spec in self._specs():
            if isinstance(spec, str) and "." not in spec:
                raise ValueError(f"cannot make a rule for {spec!r}: write the dotted path of the exception")

    @property
    def exception_path(self) -> str:
        return ",".join(self._paths())

    def matches(self, exc: BaseException) -> bool:
        """Whether the rule is about this exception. A class that cannot be imported matches nothing."""
        kinds = tuple(kind for kind in map(_find_class, self._specs()) if kind is not None)
        return isinstance(exc, kinds) if self.match_subclasses else type(exc) in kinds

    def serialize(self) -> dict[str, Any]:
        paths = self._paths()
        found: dict[str, Any] = {
            "exception": paths if len(paths) > 1 else paths[0],
            "action": self.action.value,
            "match_subclasses": self.match_subclasses,
        }
        if self.retry_delay is not None:
            found["retry_delay"] = self.retry_delay.total_seconds()
        return found | ({"reason": self.reason} if self.reason is not None else {})

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> RetryRule:
        delay = data.get("retry_delay")
        return cls(
            data["exception"],
            RetryAction(data["action"]),
            None if delay is None else dt.timedelta(seconds=delay),
            data.get("reason"),
            data.get("match_subclasses", True),
        )

    def _specs(self) -> list[ExceptionSpec]:
        return self.exception if isinstance(self.exception, list) else [self.exception]

    def _paths(self) -> list[str]:
        return [spec if isinstance(spec, str) else qualname(spec) for spec in self._specs()]


class ExceptionRetryPolicy(RetryPolicy):
    """Rules in order: the first that matches decides, else `default` does."""

    def __init__(self, rules: list[RetryRule], default: RetryAction = RetryAction.DEFAULT) -> None:
        self.rules, self.default = rules, default

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Any = None
    ) -> RetryDecision:
        for rule in self.rules:
            if rule.matches(exception):
                reason = rule.reason or f"Matched rule for {type(exception).__name__}"
                return RetryDecision(rule.action, rule.retry_delay, reason)
        return RetryDecision(self.default)

    def serialize(self) -> dict[str, Any]:
        rules = [rule.serialize() for rule in self.rules]
        return {"__type": type(self).__name__, "rules": rules, "default": self.default.value}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> ExceptionRetryPolicy:
        rules = [RetryRule.deserialize(rule) for rule in data["rules"]]
        return cls(rules, RetryAction(data.get("default", "default")))


def _find_class(spec: ExceptionSpec) -> type[BaseException] | None:
    if isinstance(spec, type):
        return spec
    try:
        found = import_string(spec)
    except ImportError as error:
        log.warning("cannot use the exception %r of a retry rule, which matches nothing now: %s", spec, error)
        return None
    return found if isinstance(found, type) else None
