"""An environment's startup script: run before anything is installed, once for each component that it tells apart.

What it printed is kept in the bucket beside the environment's logs; a script that fails ends the creation or the update
with its last words.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from airflow._wire.components import COMPONENTS, SCHEDULER, WORKER, describe_environment, is_protected
from airflow._wire.layout import Layout

from control_plane.domain.environment import Environment, bucket_name
from control_plane.reconcile.cell import ObjectStoreAccess
from control_plane.reconcile.code_files import CodeFile, refuse
from control_plane.reconcile.said import keep_log
from sync.startup import Run, StartupFailed, run_startup

_TELLS_APART = b"MWAA_AIRFLOW_COMPONENT"
_FOLDERS = {WORKER: "Worker", SCHEDULER: "Scheduler"}
_SEEN = ("LANG", "LC_ALL", "TZ")


@dataclass(frozen=True, slots=True)
class Stage:
    """Where and how a script is run. `python`: the interpreter that it finds first."""

    access: ObjectStoreAccess
    account: str
    surroundings: Mapping[str, str]
    run: Run
    home: Path
    python: str


def run_script(
    environment: Environment, file: CodeFile, stage: Stage, tell: Callable[[str], None],
    cancelled: Callable[[], bool],
) -> dict[str, Mapping[str, str]]:  # fmt: skip
    """What it exports: component -> variable -> value. Raises CannotApply with its last words, VenvCancelled."""
    script = file.read()
    if _TELLS_APART in script:
        return {each: _run(environment, file, script, stage, each, tell, cancelled) for each in COMPONENTS}
    once = _run(environment, file, script, stage, WORKER, tell, cancelled)
    return dict.fromkeys(COMPONENTS, once)


def _run(
    environment: Environment, file: CodeFile, script: bytes, stage: Stage, component: str,
    tell: Callable[[str], None], cancelled: Callable[[], bool],
) -> Mapping[str, str]:  # fmt: skip
    work = Layout(stage.home).work
    for folder in (stage.home.parent, stage.home, work):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    tell(f"running the startup script (as {component})")
    key = f"logs/{environment.name}/{_FOLDERS[component]}/startup_script_execution.log"
    output = ""
    try:
        exports = run_startup(
            script,
            stage.python,
            work,
            _variables(environment, stage, component),
            is_protected,
            stage.run,
            cancelled,
        )
        notes = [f"{name} is the service's own: what the script set is ignored" for name in exports.ignored]
        output = "\n".join([exports.output.rstrip(), *notes]).strip()
        return exports.variables
    except StartupFailed as failure:
        output = f"{failure.output.rstrip()}\n{str(failure).partition(';')[0]}".strip()
        raise refuse(
            f"the startup script {file.place} failed: {failure}\nThe whole log: {_bucket_url(environment)}/{key}",
            "Mend the script",
        ) from None
    finally:
        keep_log(environment, stage.access, key, output)


def _variables(environment: Environment, stage: Stage, component: str) -> dict[str, str]:
    """What the script sees: what a task sees, before any option."""
    work = str(Layout(stage.home).work)
    outer, version = stage.surroundings, environment.spec["AirflowVersion"]
    return {
        "LANG": "C.UTF-8",
        **{name: outer[name] for name in _SEEN if name in outer},
        "PATH": f"{Path(stage.python).parent}:{outer.get('PATH', os.defpath)}",
        "HOME": work,
        "AIRFLOW_HOME": work,
        **describe_environment(environment.name, version, stage.access.region, stage.account, component),
    }


def _bucket_url(environment: Environment) -> str:
    return f"s3://{bucket_name(environment.spec['SourceBucketArn'])}"
