"""What to write instead of the names that a DAG file imports: said once for each name and line, by reading the file.

A name is noted when the environment's generation does not offer it any more, or only redirects it. Imports in the
`except ImportError` of another import are left alone: the file has an answer already.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from airflow._names import packages, tables

GENERATIONS = {"1": "1.10", "2": "2.x", "3": "3.x"}


SQL = "airflow._names.sql_operators:"
_BIGQUERY = "from airflow.providers.google.cloud.operators.bigquery import"
REPLACED_BY = {
    "airflow._names.bigquery_operators:BigQueryExecuteQueryOperator": f"{_BIGQUERY} BigQueryInsertJobOperator",
    "airflow._names.bigquery_operators:BigQueryCreateEmptyTableOperator": f"{_BIGQUERY} BigQueryCreateTableOperator",
    "airflow._names.bigquery_operators:BigQueryCreateExternalTableOperator": f"{_BIGQUERY} BigQueryCreateTableOperator",
    "airflow._names.snowflake_transfers:S3ToSnowflakeOperator": "from airflow.providers.snowflake.transfers."
    "copy_into_snowflake import CopyFromExternalStageToSnowflakeOperator",
    "airflow._names.amazon_sensors:S3PrefixSensor": "from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor",
}
"""What the adapters beside this module stand for."""


def list_notes(tree: ast.AST, file: str, generation: int) -> list[str]:
    """A line for each old name: `FILE:LINE: airflow.x.Y is of 1.10: write ...`."""
    found = []
    for line, module, name in _imports(tree):
        text = describe(module, name, generation)
        if text:
            found.append((line, f"{file}:{line}: {text}"))
    return list(dict.fromkeys(text for _, text in sorted(found)))


def describe(module: str, name: str, generation: int) -> str | None:
    """What to write instead of the name in this generation; None when there is nothing to say."""
    public = tables.names_of(module).get(name)
    words = tables.words_about(module, name)
    exact = words if words is not None and words.place == f"{module}:{name}" else None
    if public is None and exact is None:
        return None
    offered = public.generations if public is not None else ""
    if generation == 1 or str(generation) in offered or (offered and min(offered) > str(generation)):
        return None
    since = GENERATIONS[max(offered)] if offered else "earlier releases"
    instead = _instead(module, name, generation, exact or words)
    return f"{module}.{name} is of {since}: {instead}" if instead else None


def _instead(module: str, name: str, generation: int, words: tables.Words | None) -> str:
    if words is not None and words.verdict == "is" and words.text in REPLACED_BY:
        return f"write `{REPLACED_BY[words.text]}`"
    if words is not None and words.verdict == "is" and words.text.startswith(SQL):
        return "write `from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator` (conn_id=...)"
    if words is not None and words.verdict == "write" and words.place == f"{module}:{name}":
        return f"write {words.text if words.text.startswith(('a ', 'nothing', 'your', 'the ')) else f'`{words.text}`'}"
    target = _successor(module, name, generation, {(module, name)})
    if target is not None:
        path, new = target
        package = packages.distribution(path)
        more = "" if package in (None, "apache-airflow-providers-standard") else f" (package {package})"
        return f"write `from {path} import {new}`{more}"
    if words is not None:
        return "" if words.verdict == "is" else words.text
    return "nothing took its place"


def _successor(module: str, name: str, generation: int, seen: set[tuple[str, str]]) -> tuple[str, str] | None:
    """Where the name is in this generation."""
    for since, target, new in tables.moves_of(module, name):
        if since > generation or (target, new) in seen or not new:
            continue
        seen.add((target, new))
        if packages.distribution(target):
            return target, new
        if generation >= 3 and new in tables.names_of("airflow.sdk"):
            return "airflow.sdk", new
        if target.startswith("airflow._names."):
            return None
        public = tables.names_of(target).get(new)
        if public is not None and str(generation) in public.generations:
            return target, new
        further = _successor(target, new, generation, seen)
        if further is not None:
            return further
    return None


def _imports(tree: ast.AST) -> Iterator[tuple[int, str, str]]:
    """(line, module, name) of every name of airflow's that is imported or reached through an imported module."""
    modules: dict[str, str] = {}
    for node in _walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and _is_airflow(node.module):
            module = str(node.module)
            for alias in node.names:
                yield node.lineno, module, alias.name
                modules[alias.asname or alias.name] = f"{module}.{alias.name}"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if _is_airflow(alias.name):
                    modules[alias.asname or "airflow"] = alias.name if alias.asname else "airflow"
        elif isinstance(node, ast.Attribute) and modules:
            path = _dotted(node.value, modules)
            if path is not None:
                yield node.lineno, path, node.attr


def _walk(tree: ast.AST) -> Iterator[ast.AST]:
    """Imports before what uses them, without what an `except ImportError` holds."""
    kept: list[ast.AST] = []
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.ExceptHandler) and _catches_imports(node):
            continue
        else:
            if isinstance(node, ast.Attribute):
                kept.append(node)
            pending.extend(ast.iter_child_nodes(node))
    yield from kept


def _catches_imports(handler: ast.ExceptHandler) -> bool:
    names = [node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)] if handler.type else []
    return "ImportError" in names or "ModuleNotFoundError" in names


def _dotted(node: ast.expr, modules: dict[str, str]) -> str | None:
    if isinstance(node, ast.Name):
        return modules.get(node.id)
    if isinstance(node, ast.Attribute):
        above = _dotted(node.value, modules)
        return f"{above}.{node.attr}" if above else None
    return None


def _is_airflow(module: str | None) -> bool:
    return module is not None and (module == "airflow" or module.startswith("airflow."))
