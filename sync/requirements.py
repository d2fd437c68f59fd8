"""A user's requirements.txt, as it is installed beside the service's own `airflow`: pure.

Apache Airflow itself is not installed: the service offers its import name. A line that asks for it, and a constraints
file of its releases, are satisfied by the service and said so; extras become the provider packages they stand for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

SERVED = ("apache-airflow", "apache-airflow-core", "apache-airflow-task-sdk")
"""Distributions whose place the service takes; they are left out wherever a package requires them."""

_NAME = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[(?P<extras>[^\]]*)\])?")
_PLACE = r"[\"']?https?://\S*constraints-\d\S*"
_CONSTRAINTS = re.compile(rf"^(-c|--constraint)[ =]?\s*(?P<place>{_PLACE})")
_EXTRAS = {
    "aws": "amazon",
    "s3": "amazon",
    "gcp": "google",
    "gcp_api": "google",
    "azure": "microsoft-azure",
    "kubernetes": "cncf-kubernetes",
    "hive": "apache-hive",
    "spark": "apache-spark",
    "kafka": "apache-kafka",
    "livy": "apache-livy",
    "druid": "apache-druid",
    "cassandra": "apache-cassandra",
    "hdfs": "apache-hdfs",
    "webhdfs": "apache-hdfs",
    "pinot": "apache-pinot",
    "mssql": "microsoft-mssql",
    "winrm": "microsoft-winrm",
    "jira": "atlassian-jira",
}
_NO_PROVIDER = frozenset({
    "all", "all_dbs", "async", "celery", "cgroups", "crypto", "devel", "github_enterprise", "google_auth", "graphviz",
    "gunicorn", "kerberos", "ldap", "memray", "otel", "pandas", "password", "polars", "rabbitmq", "sentry", "statsd",
    "uv", "virtualenv",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """The lines to install, and what was done to the user's, one sentence each."""

    lines: tuple[str, ...]
    notes: tuple[str, ...]
    options: tuple[str, ...] = ()
    """Arguments of uv in the place of options that it does not read from a file."""


def plan_requirements(text: str) -> Plan:
    """What to install for a requirements.txt. Lines that are not about Airflow stay as they are; comments go."""
    lines: list[str] = []
    notes: list[str] = []
    options: list[str] = []
    for number, line in enumerate(list_logical_lines(text), start=1):
        argument = _find_argument(line)
        kept, note = _plan_line(line) if argument is None else ([], None)
        lines += kept
        options += argument or ()
        if note:
            notes.append(f"line {number}: {note}")
    asked = (line for line in lines if line.strip() and not line.lstrip().startswith("#"))
    return Plan(tuple(asked), tuple(notes), tuple(options))


def _find_argument(line: str) -> tuple[str, ...] | None:
    """The arguments of uv for a line that is an option which it does not know in a file."""
    name, _, value = line.split(" #")[0].strip().replace("=", " ", 1).partition(" ")
    if name == "--pre":
        return "--prerelease", "allow"
    if name == "--prefer-binary":
        return ()  # as it does anyway
    return ("--allow-insecure-host", value.strip()) if name == "--trusted-host" else None


def _plan_line(line: str) -> tuple[list[str], str | None]:
    wanted = line.split(" #")[0].strip()
    constraints = _CONSTRAINTS.match(wanted)
    if constraints:
        return (
            [],
            f"{constraints['place']} pins packages for Apache Airflow, which is not installed; left out",
        )
    named = _NAME.match(wanted)
    if named is None or _normal(named["name"]) not in SERVED:
        return [line], None
    extras = [_normal(extra) for extra in (named["extras"] or "").split(",") if extra.strip()]
    packages = [f"apache-airflow-providers-{name}" for name in _providers(extras)]
    said = f"{wanted} is what the service offers itself; not installed"
    return packages, f"{said}; its extras mean {', '.join(packages)}" if packages else said


def _providers(extras: Iterable[str]) -> list[str]:
    names = (_EXTRAS.get(extra.replace("-", "_"), extra) for extra in extras)
    return list(dict.fromkeys(name for name in names if name.replace("-", "_") not in _NO_PROVIDER))


def is_airflow_constraints(place: str) -> bool:
    """Whether a constraints file is one of Apache Airflow's releases."""
    return re.fullmatch(_PLACE, place) is not None


def list_logical_lines(text: str) -> list[str]:
    """Lines with their continuations, comments and hashes still in them."""
    return re.sub(r"\\\r?\n", " ", text).splitlines()


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.strip()).lower()
