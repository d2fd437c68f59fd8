"""Whether a DAG file can be run without anything outside it. By its text: a guess that errs towards "it cannot"."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

_ALLOWED = {"airflow", "pendulum", "dateutil", "pytz", "__future__", "typing_extensions"}
_OUTSIDE = re.compile(
    r"""airflow\.(providers\.(?!standard\b)|contrib\b|hooks\b|io\b|kubernetes\b|example_dags\.libs)
    |airflow\.(operators|sensors)\.(email|http|hive|mysql|postgres|s3|slack|jdbc|presto|docker|druid|mssql|oracle|pig
        |papermill|sqlite|generic_transfer|redshift|google|gcs|check|sql|external_task|filesystem|hdfs|metastore|named
        |time_delta|weekday_sensor|web_hdfs)
    |providers\.standard\.(sensors\.(external_task|filesystem)|operators\.hitl|hooks)""",
    re.X,
)
_NAMES = {
    "BaseHook", "EmailOperator", "ExternalTaskSensor", "FileSensor", "HITLOperator", "HdfsSensor", "HttpSensor",
    "KubernetesPodOperator", "ObjectStoragePath", "PythonVirtualenvOperator", "ExternalPythonOperator", "S3KeySensor",
    "SimpleHttpOperator", "SqlSensor", "BranchPythonVirtualenvOperator", "BranchExternalPythonOperator",
    "ApprovalOperator", "HITLEntryOperator", "HITLBranchOperator", "ExternalTaskMarker", "create_session", "Session",
    "provide_session",
}  # fmt: skip
_FLAVOURS = {
    "docker", "kubernetes", "pyspark", "virtualenv", "external_python", "branch_virtualenv", "kubernetes_cmd",
    "branch_external_python", "snowpark", "llm", "agent",
}  # fmt: skip
_NETWORK = re.compile(
    r"\b(curl|wget|ssh|docker|kubectl|gsutil|aws|psql|mysql|git|sudo|apt|pip)\s|https?://(?!airflow)|s3://"
)


OVERRIDES = Path(__file__).with_name("needs.txt")
"""Lines `<part of a path>: run` or `<part of a path>: <why not>`; they win over what the text looks like."""


def read_overrides() -> dict[str, str]:
    lines = (line.partition(":") for line in OVERRIDES.read_text().splitlines() if not line.startswith("#"))
    return {part.strip(): words.strip() for part, colon, words in lines if colon}


def explain_need(root: Path, file: str, overrides: Mapping[str, str]) -> str | None:
    """Why a file of a corpus is not run, or None."""
    for part, words in overrides.items():
        if part in file:
            return None if words == "run" else words
    local = frozenset(path.stem for path in root.iterdir() if path.suffix == ".py" or path.is_dir())
    return find_need((root / file).read_text(errors="replace"), local)


def find_need(text: str, local: frozenset[str] = frozenset()) -> str | None:
    """What the file needs from outside, or None. `local`: top-level names of modules that lie beside it."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return "it cannot be read as Python"
    for module in _imports(tree):
        top = module.partition(".")[0]
        if top not in _ALLOWED and top not in sys.stdlib_module_names and top not in local:
            return f"it imports {top}"
        if top == "random":
            return "it throws dice"
        if _OUTSIDE.search(module):
            return f"it imports {module}"
    return next(_uses(tree), None)


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _uses(tree: ast.Module) -> Iterator[str]:
    documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in _NAMES:
            yield f"it uses {node.id}"
        if (
            isinstance(node, ast.Attribute)
            and node.attr in _FLAVOURS
            and getattr(node.value, "id", "") == "task"
        ):
            yield f"it uses @task.{node.attr}"
        if isinstance(node, ast.Attribute) and node.attr == "get_connection":
            yield "it asks for a connection"
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
            yield from (f"it speaks of {match[0].strip()}" for match in _NETWORK.finditer(node.value))
