"""A Docker engine in memory: containers by name, images by what names mean now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from infra.docker_api import Docker


class FakeDocker:
    """What `infra.docker` asks of an engine. `images` says which id a name means."""

    def __init__(self, **images: str) -> None:
        self.images = images
        self.containers: dict[str, dict[str, Any]] = {}

    @property
    def as_docker(self) -> Docker:
        return cast(Docker, self)

    def image_of(self, name: str) -> str:
        return str(self.containers[name]["Image"])

    def find_image(self, reference: str) -> dict[str, Any] | None:
        return {"Id": self.images[reference]} if reference in self.images else None

    def list_containers(self, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        return [one for one in self.containers.values() if labels.items() <= one["Labels"].items()]

    def find_container(self, name: str) -> dict[str, Any] | None:
        found = self.containers.get(name)
        return found and {"State": {"Running": found["State"] == "running", "Pid": 7}}

    def create_container(self, name: str, config: Mapping[str, Any]) -> str:
        assert name not in self.containers
        self.containers[name] = {**config, "State": "created"}
        return name

    def start_container(self, name: str) -> None:
        self.containers[name]["State"] = "running"

    def stop_container(self, name: str, grace: int) -> None:
        self.containers[name]["State"] = "exited"

    def remove_container(self, name: str) -> None:
        self.containers.pop(name, None)

    def update_container(self, name: str, limits: Mapping[str, Any]) -> None:
        assert name in self.containers
