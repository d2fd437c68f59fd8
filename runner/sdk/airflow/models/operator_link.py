"""Links from a task to somewhere else, which the console shows beside it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from airflow.configuration import conf


class BaseOperatorLink:
    """Base of links: `name`, and `get_link(operator, ti_key=...)`, which returns an address."""

    name = ""
    operators: tuple[type, ...] = ()

    @property
    def xcom_key(self) -> str:
        """The XCom in which a task leaves its link's address."""
        return f"_link_{type(self).__name__}"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        raise NotImplementedError(
            f"cannot link: {type(self).__name__} does not define get_link(operator, ti_key)"
        )


def run_address(dag_id: str, run_id: str) -> str:
    """Where people see a run in the console."""
    base = conf.get("api", "base_url").rstrip("/")
    return f"{base}/dags/{quote(dag_id)}/runs/{quote(run_id)}"
