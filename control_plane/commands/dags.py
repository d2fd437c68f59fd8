"""`aerodrome dags`: DAG files checked and tried out where they are written, without a service."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from control_plane.domain.classes import DEFAULT_VERSION, VERSIONS

F = TypeVar("F", bound=Callable[..., Any])


def shared_options(function: F) -> F:
    """--airflow-version and --python."""
    version = click.option(
        "--airflow-version", default=DEFAULT_VERSION, show_default=True, metavar="VERSION", callback=_version,
        help="Behave as an environment of this version does.",
    )  # fmt: skip
    python = click.option(
        "--python", default=sys.executable, callback=_interpreter, metavar="FILE",
        help="A Python that has what the DAGs import, e.g. venv/bin/python.  [default: Aerodrome's own]",
    )  # fmt: skip
    return version(python(function))


def _version(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if value not in VERSIONS:
        raise click.BadParameter(
            f"no environment can have {value!r}; the newest are 3.3.2, 2.11.2 and 1.10.15"
        )
    return value


def _interpreter(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    path = Path(value) / "bin" / "python" if Path(value).is_dir() else Path(value)
    if not os.access(path, os.X_OK):
        raise click.BadParameter(f"cannot run {path}: give a Python interpreter, or the folder of a venv")
    return str(path.absolute())


@click.group("dags")
def command() -> None:
    """Check DAG files and try them out, without a service.

    \b
    Examples:
      aerodrome dags check dags/
      aerodrome dags test dags/etl.py
    """


@command.command("check")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@shared_options
@click.option("--timeout", type=click.FloatRange(min=0.1), default=30.0, show_default=True, metavar="SECONDS",
              help="How long one file may take.")  # fmt: skip
@click.option("--dags-folder", type=click.Path(exists=True, file_okay=False), metavar="DIR",
              help="What imports count from.  [default: a folder that is given; a folder called dags]")  # fmt: skip
def check(
    paths: tuple[Path, ...],
    form: str,
    airflow_version: str,
    python: str,
    timeout: float,
    dags_folder: str | None,
) -> None:
    """Parse DAG files, each in a sandbox, and tell what is wrong with them.

    Folders are searched as the service searches a bucket: .airflowignore counts. A file that hangs, forks or ends its
    process is one error. Variables and connections come from AIRFLOW_VAR_NAME and AIRFLOW_CONN_NAME.

    \b
    Examples:
      aerodrome dags check dags/
      aerodrome dags check dags/etl.py --airflow-version 2.10.3
      aerodrome dags check dags/ --python venv/bin/python --format json > report.json

    Exit status: 0 all is well, 1 there are errors, 2 misused.
    """
    from control_plane.commands.dags_check import Request, check_files
    from control_plane.commands.dags_report import to_json

    began = time.monotonic()
    request = Request(paths, airflow_version, python, timeout, dags_folder)
    checks, problems = check_files(request)
    if not checks:
        raise click.UsageError(f"no DAG files in {', '.join(map(str, paths))}")
    if form == "json":
        click.echo(json.dumps(to_json(checks), indent=1))
    else:
        from control_plane.commands.dags_view import show

        show(checks, problems, time.monotonic() - began)
    if any(item.errors for item in checks):
        raise click.exceptions.Exit(1)


@command.command("test")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("dag_id", required=False)
@click.option("--conf", metavar="JSON", help='What the run is given, e.g. \'{"day": "2024-01-01"}\'.')
@click.option("--logical-date", metavar="DATE", help="The run's date, e.g. 2024-01-01T06:00.  [default: now]")
@shared_options
def test(
    file: Path,
    dag_id: str | None,
    conf: str | None,
    logical_date: str | None,
    airflow_version: str,
    python: str,
) -> None:
    """Run one DAG here and now, all tasks in one process. A breakpoint() stops in your terminal.

    \b
    Examples:
      aerodrome dags test dags/etl.py
      aerodrome dags test dags/etl.py etl_daily --conf '{"full": true}' --logical-date 2024-01-01
      AIRFLOW_VAR_BUCKET=mine aerodrome dags test dags/etl.py

    DAG_ID is needed only where the file has several. Exit status: 0 the run succeeded, 1 it did not, 2 misused.
    """
    from control_plane.commands.dags_check import environment_of

    words = [str(file.absolute())]
    for name, value in (("--dag-id", dag_id), ("--conf", conf), ("--logical-date", logical_date)):
        words += [f"{name}={value}"] if value is not None else []
    argv = [python, "-P", "-m", "airflow._task.tryout", *words]
    sys.stdout.flush()
    os.execve(python, argv, environment_of(airflow_version))  # noqa: S606 - the terminal is to be the DAG's
