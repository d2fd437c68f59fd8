"""How `aerodrome dags check` looks: what is wrong stands out, what is well takes one line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.text import Text

from control_plane.commands.dags_report import DagCheck, FileCheck, Problem


def show(checks: Sequence[FileCheck], problems: Sequence[str], seconds: float) -> None:
    """Print it all, and the sums at the end."""
    console = Console(highlight=False, soft_wrap=True)
    for text in problems:
        console.print(Text(f"! {text}", "yellow"))
    width = max((len(dag.dag_id) for item in checks for dag in item.dags), default=0)
    for item in checks:
        for line in _describe(item, min(width, 50)):
            console.print(line)
    console.print(_sum(checks, seconds))


def _describe(item: FileCheck, width: int) -> list[Text]:
    mark, style = ("\u2717", "bold red") if item.errors else ("\u2713", "green")
    title = Text.assemble((f"{mark} ", style), (item.path, "bold"), (f"  {item.import_seconds:.2f} s", "dim"))
    if not item.errors and not item.dags:
        title.append("  no DAGs", "yellow")
    return [
        title,
        *(_describe_dag(dag, width) for dag in item.dags),
        *(_describe_problem(problem) for problem in item.errors),
        *(Text(f"    ! {warning}", "yellow") for warning in item.warnings),
    ]


def _describe_dag(dag: DagCheck, width: int) -> Text:
    count = len(dag.task_ids)
    tasks = f"{count} task{'' if count == 1 else 's'}"
    runs = ", ".join(f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}" for at in dag.next_runs)
    return Text.assemble(
        f"    {dag.dag_id:<{width}}  {tasks:>9}  {dag.schedule}",
        (f"  next {runs} UTC" if runs else "", "dim"),
    )


def _describe_problem(problem: Problem) -> Text:
    first, _, rest = problem.message.partition("\n")
    where = f"line {problem.line}: " if problem.line is not None else ""
    more = "".join(f"\n      {line}" for line in rest.splitlines())
    return Text.assemble(("    ", ""), (where, "red"), (first, "red"), (more, ""))


def _sum(checks: Sequence[FileCheck], seconds: float) -> Text:
    errors = sum(len(item.errors) for item in checks)
    warnings = sum(len(item.warnings) for item in checks)
    dags = sum(len(item.dags) for item in checks)
    words = [
        _count(len(checks), "file"),
        _count(dags, "DAG"),
        _count(errors, "error"),
        _count(warnings, "warning"),
    ]
    style = "bold red" if errors else "bold green"
    return Text(f"\n{', '.join(words)} in {seconds:.1f} s", style)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
