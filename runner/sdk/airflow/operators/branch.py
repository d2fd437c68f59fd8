"""BaseBranchOperator: a branch as a class of its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from airflow.models.baseoperator import BaseOperator
from airflow.models.skipmixin import BranchMixIn


class BaseBranchOperator(BaseOperator, BranchMixIn):
    """Subclasses define `choose_branch(context)`, which returns the id or ids that come next."""

    def choose_branch(self, context: Any) -> str | Iterable[str] | None:
        raise NotImplementedError(
            f"cannot branch: {type(self).__name__} does not define choose_branch(context)"
        )

    def execute(self, context: Any) -> Any:
        return self.do_branch(context, self.choose_branch(context))
