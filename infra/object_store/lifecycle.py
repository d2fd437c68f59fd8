"""What the rules of expiry say of one version or upload at a moment. Pure.

A time limit ends at the first midnight (UTC) after its days, as S3 rounds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from infra.object_store.model import LifecycleRule, ObjectHead, Upload

_DAY = 86_400
Verdict = Literal["expire", "remove"]
"""`expire`: delete by key, which a versioned bucket answers with a marker; `remove`: this version, for good."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A version among the others of its key."""

    head: ObjectHead
    newer: int = 0
    """How many noncurrent versions are newer than this one."""
    superseded: float | None = None
    """When the next newer version came; None for the current one."""
    alone: bool = False


def decide(rules: Sequence[LifecycleRule], standing: Standing, now: float) -> Verdict | None:
    """What is to happen to a version now; None: it stays."""
    verdicts = [_judge(rule, standing, now) for rule in rules if rule.enabled]
    return "remove" if "remove" in verdicts else "expire" if "expire" in verdicts else None


def is_upload_over(rules: Sequence[LifecycleRule], upload: Upload, now: float) -> bool:
    """Whether an unfinished upload is to be aborted."""
    return any(
        rule.enabled
        and upload.key.startswith(rule.prefix)
        and _is_due(upload.started, rule.abort_upload_days, now)
        for rule in rules
    )


def _judge(rule: LifecycleRule, standing: Standing, now: float) -> Verdict | None:
    head = standing.head
    if not _applies(rule, head):
        return None
    if standing.superseded is not None:
        due = _is_due(standing.superseded, rule.noncurrent_days, now)
        return "remove" if due and standing.newer >= rule.noncurrent_kept else None
    dated = rule.expire_date is not None and now >= rule.expire_date
    due = dated or _is_due(head.modified, rule.expire_days, now)
    if head.delete_marker:
        return "remove" if standing.alone and (due or rule.expire_lone_markers) else None
    return "expire" if due else None


def _applies(rule: LifecycleRule, head: ObjectHead) -> bool:
    if not head.key.startswith(rule.prefix):
        return False
    if any(head.facts.tags.get(name) != value for name, value in rule.tags.items()):
        return False
    if head.delete_marker:
        return rule.larger_than is None and rule.smaller_than is None
    above = rule.larger_than is None or head.size > rule.larger_than
    return above and (rule.smaller_than is None or head.size < rule.smaller_than)


def _is_due(since: float, days: int | None, now: float) -> bool:
    return days is not None and now >= -(-(since + days * _DAY) // _DAY) * _DAY
