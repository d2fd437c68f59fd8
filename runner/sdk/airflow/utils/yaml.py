"""YAML, read safely, by the C parser where there is one. Everything else is the yaml library's own."""

from __future__ import annotations

from typing import Any


def safe_load(stream: Any) -> Any:
    import yaml

    return yaml.load(stream, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe


def dump(data: Any, stream: Any = None, **kwargs: Any) -> Any:
    import yaml

    return yaml.dump(data, stream, **{"Dumper": getattr(yaml, "CSafeDumper", yaml.SafeDumper), **kwargs})


def __getattr__(name: str) -> Any:
    import yaml

    if name == "FullLoader":
        return getattr(yaml, "CFullLoader", yaml.FullLoader)
    return getattr(yaml, name)
