"""The cell spec: all that the control plane tells a cell, as one JSON document in its directory."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

FORMAT = 1

_FLAGS = dict.fromkeys(("t", "true", "1", "yes", "on"), True) | dict.fromkeys(
    ("f", "false", "0", "no", "off", "none"), False
)


@dataclass(frozen=True, slots=True)
class Bucket:
    """An S3 location and how to reach it. `endpoint` None means AWS itself."""

    bucket: str
    prefix: str
    """Key prefix without slashes at either end; '' is the whole bucket."""
    region: str = "us-east-1"
    endpoint: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None
    session_token: str | None = None


@dataclass(frozen=True, slots=True)
class CellSpec:
    """One environment, as its cell must run it."""

    environment: str
    airflow_version: str
    """Selects defaults that changed between generations, e.g. '2.10.3' or '3.3.1'."""
    database_url: str
    source: Bucket
    """Where the DAG files are (SourceBucketArn + DagS3Path)."""
    logs: Bucket
    """Where logs go: <prefix>/<log key>."""
    python: str
    """The environment's interpreter: that of its venv."""
    sdk: str
    """The directory that holds `airflow/`; the only thing of ours on the child's path."""
    token: str
    """Bearer token of the cell's private HTTP endpoint."""
    slots: int = 32
    """Task processes at once on this cell (parallelism)."""
    tasks_per_worker: int = 0
    """Slots of one worker; 0: the cell has all its slots always."""
    min_workers: int = 1
    max_workers: int = 1
    worker_memory: int = 0
    """Bytes that the tasks of one worker may have together, and so the most that one task may have; 0: no limit."""
    draining: bool = False
    """No task begins any more; those that run finish."""
    config: dict[str, str] = field(default_factory=dict)
    """AirflowConfigurationOptions: 'section.key' -> value."""
    logging: dict[str, dict[str, Any]] = field(default_factory=dict)
    """LoggingConfiguration: module -> {'Enabled': bool, 'LogLevel': str}."""
    sync_interval: float = 1.0
    """Seconds between listings of the source."""
    region: str = "us-east-1"
    account: str = "000000000000"
    revision: int = 1
    """Counts the specs of this cell. Engine and agent take up a newer one while they run; see `runner/reloading`."""
    plugins: str = ""
    """The folder of the environment's unpacked plugins.zip; '' for none."""
    exports: dict[str, dict[str, str]] = field(default_factory=dict)
    """What the startup script exported: component (worker or scheduler) -> variable -> value."""
    identity: dict[str, str] = field(default_factory=dict)
    """Variables that give user code the environment's own S3 credentials; {} for none."""
    keys_expire_at: float = 0.0
    """When the temporary keys of source, logs and identity end; 0: never."""
    format: int = FORMAT

    def option(self, section: str, key: str, default: str) -> str:
        """A configuration option of the environment, or the default."""
        return self.config.get(f"{section}.{key}", default)

    def flag(self, section: str, key: str, default: bool) -> bool:
        """A boolean option in any of Airflow's spellings; the default when it is not set or is none of them."""
        return _FLAGS.get(self.option(section, key, "").strip().lower(), default)

    def number(self, section: str, key: str, default: float) -> float:
        """A number that is not negative; the default when it is not set or is none: a typing error stops no cell."""
        try:
            found = float(self.option(section, key, ""))
        except ValueError:
            return default
        return found if 0 <= found < float("inf") else default

    @property
    def generation(self) -> int:
        """The first number of the Airflow version: 1, 2 or 3."""
        return int(self.airflow_version.partition(".")[0])

    def log_level(self, module: str) -> str | None:
        """The level at which a module's logs are kept; None when it is disabled."""
        setting = self.logging.get(module, {"Enabled": module == "TaskLogs", "LogLevel": "INFO"})
        return str(setting.get("LogLevel", "INFO")) if setting.get("Enabled") else None

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, sort_keys=True)


def from_json(text: str) -> CellSpec:
    """The spec that `to_json` wrote. Raises ValueError when it is of another format."""
    data = json.loads(text)
    if data.get("format") != FORMAT:
        raise ValueError(
            f"cannot read a cell spec of format {data.get('format')!r}; this version reads {FORMAT}"
        )
    return CellSpec(**{**data, "source": Bucket(**data["source"]), "logs": Bucket(**data["logs"])})


def follow(old: CellSpec | None, new: CellSpec) -> CellSpec:
    """`new` with the revision it has as the successor of `old`: the same one when they say the same."""
    if old is None:
        return new
    same = replace(new, revision=old.revision) == old
    return replace(new, revision=old.revision + (0 if same else 1))


def read(path: Path) -> CellSpec:
    """The spec in a cell's directory."""
    return from_json(path.read_text(encoding="utf-8"))


def write(path: Path, spec: CellSpec) -> None:
    """Replace the spec atomically; readable by its owner only."""
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(spec.to_json())
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
