"""A service on PostgreSQL: its own tables in the named database, one more database for every environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.running import RunningService, until
from tests.services import make_database

pytestmark = [pytest.mark.timeout(300), pytest.mark.service("postgresql")]


def test_each_environment_has_a_database_of_its_own_when_the_service_has_one(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, postgresql: str
) -> None:
    service = RunningService(tmp_path / "home", tmp_path_factory.getbasetemp().parent / "venvs")
    with make_database(postgresql) as url:
        try:
            service.up("--database", url)
            mwaa, s3 = service.client("mwaa"), service.client("s3")
            s3.create_bucket(Bucket="code")
            mwaa.create_environment(
                Name="On-PG",
                SourceBucketArn="arn:aws:s3:::code",
                DagS3Path="dags",
                ExecutionRoleArn="arn:aws:iam::123456789012:role/x",
                NetworkConfiguration={"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]},
            )
            until(lambda: _status(mwaa) != "CREATING", 120, "the environment is created")
            assert _status(mwaa) == "AVAILABLE", mwaa.get_environment(Name="On-PG")["Environment"][
                "LastUpdate"
            ]
            assert "aerodrome_On-PG" in _databases(postgresql)
            assert service.status()["environments"][0]["status"] == "AVAILABLE"
            assert not (service.home / "cells" / "On-PG" / "db" / "metadata.db").exists()
            mwaa.delete_environment(Name="On-PG")
            until(lambda: mwaa.list_environments()["Environments"] == [], 30, "the environment is gone")
            assert "aerodrome_On-PG" not in _databases(postgresql)
        finally:
            service.close()


def _status(mwaa: Any) -> str:
    return str(mwaa.get_environment(Name="On-PG")["Environment"]["Status"])


def _databases(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
