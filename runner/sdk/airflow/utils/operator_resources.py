"""Resources that a task says it needs: for the reader; the service does not hand them out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow.exceptions import AirflowException

MB = 1
GB = 1024 * MB
TB = 1024 * GB
PB = 1024 * TB
EB = 1024 * PB


@dataclass(frozen=True)
class Resource:
    """A quantity of something. Raises AirflowException for less than nothing."""

    name: str
    units_str: str
    qty: float

    def __post_init__(self) -> None:
        if self.qty < 0:
            raise AirflowException(f"cannot ask for {self.qty} of {self.name}: it must not be negative")

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name, "qty": self.qty, "units_str": self.units_str}


class CpuResource(Resource):
    """Cores."""

    def __init__(self, qty: float) -> None:
        super().__init__("CPU", "core(s)", qty)


class RamResource(Resource):
    """Memory in MB."""

    def __init__(self, qty: float) -> None:
        super().__init__("RAM", "MB", qty)


class DiskResource(Resource):
    """Disk in MB."""

    def __init__(self, qty: float) -> None:
        super().__init__("Disk", "MB", qty)


class GpuResource(Resource):
    """GPUs."""

    def __init__(self, qty: float) -> None:
        super().__init__("GPU", "gpu(s)", qty)


@dataclass
class Resources:
    """All of them."""

    cpus: float = 1
    ram: float = 512
    disk: float = 512
    gpus: float = 0

    def to_dict(self) -> dict[str, Any]:
        parts = {
            "cpus": CpuResource(self.cpus),
            "ram": RamResource(self.ram),
            "disk": DiskResource(self.disk),
            "gpus": GpuResource(self.gpus),
        }
        return {name: part.to_dict() for name, part in parts.items()}

    @classmethod
    def from_dict(cls, resources_dict: dict[str, Any]) -> Resources:
        return cls(**{name: part["qty"] for name, part in resources_dict.items()})
