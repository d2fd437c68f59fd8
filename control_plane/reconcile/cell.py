"""An environment as a cell: its spec, its processes, its slots. Pure."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from airflow._wire.cell import Bucket, CellSpec
from airflow._wire.layout import KEY_FILE

from control_plane.domain.classes import CLASSES, DEFAULT_CLASS, GIB, EnvironmentClass
from control_plane.domain.environment import Environment, bucket_name
from control_plane.domain.equipment import Equipment
from control_plane.domain.options import choose_options
from control_plane.reconcile.plan import ROLES
from infra.provisioner import CellPlan, Limits, ProcessSpec

UID_FILE = "uid"
"""Beside cell.json: whose cell this is. A name that is created again is another environment."""
_AGENT_MEMORY = GIB
"""For the agent itself, its zygotes and triggerers."""
KEPT_EQUIPMENT = "equipment.json"
"""Beside it: what the cell was told of packages, plugins and exports, whatever the bucket has now."""
_KEPT = re.compile(
    r"PATH|HOME|USER|LANG|LC_\w+|TZ|TMPDIR|SSL_CERT_(FILE|DIR)|(https?|all|no)_proxy|(HTTPS?|ALL|NO)_PROXY"
)
"""What a cell's processes see of our own environment: never our keys."""


@dataclass(frozen=True, slots=True)
class ObjectStoreAccess:
    """How cells reach S3. `endpoint` None means AWS; keys None mean the credentials of the surroundings."""

    endpoint: str | None
    region: str
    access_key_id: str | None = None
    secret_access_key: str | None = None
    session_token: str | None = None

    def bucket(self, name: str, prefix: str) -> Bucket:
        return Bucket(
            name,
            prefix.strip("/"),
            self.region,
            self.endpoint,
            self.access_key_id,
            self.secret_access_key,
            self.session_token,
        )


@dataclass(frozen=True, slots=True)
class KeyRing:
    """How one cell reaches S3. `source` reads DAG files, `logs` writes logs, `identity` is what user code sees."""

    source: ObjectStoreAccess
    logs: ObjectStoreAccess
    identity: Mapping[str, str] = field(default_factory=dict)
    expire_at: float = 0.0
    """0: never."""


@dataclass(frozen=True, slots=True)
class Roots:
    """Where our code lies, so that a cell runs from a checkout as from an installation."""

    code: Path
    """Holds `runner/`."""
    sdk: Path
    """Holds `airflow/`."""
    python: str = sys.executable
    """The interpreter that has our dependencies."""


def source_bucket(environment: Environment, access: ObjectStoreAccess) -> Bucket:
    """Where the DAG files are."""
    return access.bucket(bucket_name(environment.spec["SourceBucketArn"]), environment.spec["DagS3Path"])


def cell_spec(
    environment: Environment,
    keys: KeyRing,
    *,
    database_url: str,
    equipment: Equipment,
    sdk: Path,
    token: str,
    account: str,
    sync_interval: float,
) -> CellSpec:
    """All that the cell is told."""
    spec = environment.spec
    return CellSpec(
        environment=environment.name,
        airflow_version=spec["AirflowVersion"],
        database_url=database_url,
        source=source_bucket(environment, keys.source),
        logs=keys.logs.bucket(bucket_name(environment.spec["SourceBucketArn"]), f"logs/{environment.name}"),
        python=equipment.python,
        plugins=equipment.plugins,
        exports={component: dict(found) for component, found in equipment.exports.items()},
        sdk=str(sdk),
        token=token,
        slots=slots(environment),
        tasks_per_worker=tasks_per_worker(environment),
        min_workers=spec["MinWorkers"],
        max_workers=spec["MaxWorkers"],
        worker_memory=size_of(environment).worker_memory,
        config=choose_options(spec["AirflowConfigurationOptions"]),
        logging={module: dict(setting) for module, setting in spec["LoggingConfiguration"].items()},
        sync_interval=sync_interval,
        region=keys.source.region,
        account=account,
        identity=dict(keys.identity),
        keys_expire_at=keys.expire_at,
    )


def with_keys(told: CellSpec, keys: KeyRing) -> CellSpec:
    """The same cell with other keys."""
    source, logs = keys.source, keys.logs
    return replace(
        told,
        source=source.bucket(told.source.bucket, told.source.prefix),
        logs=logs.bucket(told.logs.bucket, told.logs.prefix),
        identity=dict(keys.identity),
        keys_expire_at=keys.expire_at,
    )


def slots(environment: Environment) -> int:
    """Tasks at once: core.parallelism where the owner set it, else what all workers hold."""
    spec = environment.spec
    chosen = _positive(spec["AirflowConfigurationOptions"].get("core.parallelism", ""))
    return chosen or tasks_per_worker(environment) * spec["MaxWorkers"]


def tasks_per_worker(environment: Environment) -> int:
    """As Airflow's options say, where the owner set them, else the class: celery.worker_autoscale is `most,fewest`."""
    options = environment.spec["AirflowConfigurationOptions"]
    most = options.get("celery.worker_autoscale", "").partition(",")[0].strip()
    chosen = _positive(most) or _positive(options.get("celery.worker_concurrency", ""))
    return chosen or size_of(environment).tasks_per_worker


def size_of(environment: Environment) -> EnvironmentClass:
    """The environment's class."""
    return CLASSES.get(environment.spec["EnvironmentClass"], CLASSES[DEFAULT_CLASS])


def limits(environment: Environment) -> Mapping[str, Limits]:
    """Role -> what its process may use, with all that it starts. The agent has room of its own beside its tasks."""
    size, workers = size_of(environment), environment.spec["MaxWorkers"]
    return {
        "engine": Limits(size.engine_memory, size.engine_cpus),
        "agent": Limits(size.worker_memory * workers + _AGENT_MEMORY, size.worker_cpus * workers),
    }


def processes(
    environment: Environment, home: Path, roots: Roots, surroundings: Mapping[str, str]
) -> tuple[ProcessSpec, ...]:
    """The cell's processes, to be run with our own interpreter."""
    allowed = limits(environment)
    return tuple(
        ProcessSpec(
            role,
            (roots.python, "-m", "runner", role, "--home", str(home)),
            process_env(roots, surroundings),
            allowed[role],
            runs_user_code=role == "agent",
        )
        for role in ROLES
    )


def process_env(roots: Roots, surroundings: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process of ours; byte code is written, since it is part of starting fast."""
    kept = {name: value for name, value in surroundings.items() if _KEPT.fullmatch(name)}
    return {**kept, "PYTHONPATH": f"{roots.code}:{roots.sdk}", "PYTHONUNBUFFERED": "1"}


def cell_plan(
    environment: Environment,
    spec: CellSpec,
    specs: tuple[ProcessSpec, ...],
    equipment: Equipment,
    secrets: str,
) -> CellPlan:
    """The cell as the provisioner is to make it. `secrets`: its keys."""
    kept = {KEPT_EQUIPMENT: equipment.to_json(), KEY_FILE: secrets}
    return CellPlan(environment.name, specs, {"cell.json": spec.to_json(), UID_FILE: environment.uid, **kept})


def _positive(text: str) -> int | None:
    return int(text) if text.isdigit() and int(text) > 0 else None
