"""S3PrefixSensor, as the sensor that took its place."""

from __future__ import annotations

from typing import Any

from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor


class S3PrefixSensor(S3KeySensor):
    """Waits for a key below each prefix."""

    def __init__(self, *, prefix: str | list[str], delimiter: str = "/", **kwargs: Any) -> None:
        prefixes = [prefix] if isinstance(prefix, str) else prefix
        keys = [f"{each.rstrip(delimiter)}{delimiter}*" for each in prefixes]
        super().__init__(bucket_key=keys, wildcard_match=True, **kwargs)
