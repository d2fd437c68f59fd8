"""May this caller do this to that? Pure. The shape policies will be evaluated in; so far there is one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

AIRFLOW_ROLES = ("Admin", "Op", "User", "Viewer", "Public")
"""From the mightiest down."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who signed the request."""

    arn: str
    access_key_id: str

    @property
    def name(self) -> str:
        """The last part of the ARN: how Airflow shows them."""
        return self.arn.rpartition("/")[2]


def is_allowed(caller: Caller, action: str, resource: str) -> bool:
    """Whether the caller may do `action` to `resource`: the administrator anything, others nothing."""
    return bool(action and resource) and caller.arn.partition(":user/")[2] == "admin"


def find_allowed(caller: Caller, action: str, resources: Iterable[str]) -> str | None:
    """The first of the resources the caller may do `action` to."""
    return next((resource for resource in resources if is_allowed(caller, action, resource)), None)
