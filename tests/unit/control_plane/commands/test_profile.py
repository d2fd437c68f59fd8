from __future__ import annotations

import stat
from pathlib import Path

import boto3
import pytest
from click.testing import CliRunner

from control_plane.commands.options import Endpoints
from control_plane.main import cli
from control_plane.settings import Paths

ENDPOINTS = Endpoints(
    "http://127.0.0.1:8080", "https://localhost:8443", "http://127.0.0.1:9000", "us-east-1", "ca.pem"
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    paths = Paths(tmp_path / "home")
    paths.make()
    ENDPOINTS.write(paths.endpoints)
    paths.credentials.write_text('{"access_key_id": "AKIAONE", "secret_access_key": "s3cret/+"}')
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws" / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "aws" / "credentials"))
    return paths.home


def test_boto3_finds_keys_and_endpoints_when_the_profile_was_written(home: Path, tmp_path: Path) -> None:
    assert CliRunner().invoke(cli, ["profile", "--home", str(home)]).exit_code == 0
    session = boto3.Session(profile_name="aerodrome")
    mwaa, s3 = session.client("mwaa"), session.client("s3")
    assert mwaa.meta.endpoint_url == "http://127.0.0.1:8080"
    assert s3.meta.endpoint_url == "http://127.0.0.1:9000"
    assert mwaa.meta.config.inject_host_prefix is False
    keys = session.get_credentials()
    assert keys is not None and (keys.access_key, keys.secret_key) == ("AKIAONE", "s3cret/+")
    assert stat.S_IMODE((tmp_path / "aws" / "credentials").stat().st_mode) == 0o600


def test_other_profiles_stay_letter_for_letter_when_ours_is_written_twice(home: Path, tmp_path: Path) -> None:
    config = tmp_path / "aws" / "config"
    config.parent.mkdir()
    mine = "# mine\n[default]\nregion=eu-west-1\n\n[profile work]\nsso_session = x   ; odd\n"
    config.write_text(mine)
    CliRunner().invoke(cli, ["profile", "--home", str(home)])
    once = config.read_text()
    CliRunner().invoke(cli, ["profile", "--home", str(home)])
    assert config.read_text() == once
    assert once.startswith(mine)


def test_env_prints_lines_that_a_shell_evaluates_when_a_value_has_odd_signs(home: Path) -> None:
    result = CliRunner().invoke(cli, ["env", "--home", str(home)])
    assert "export AWS_SECRET_ACCESS_KEY=s3cret/+" in result.output
    assert "export AWS_DISABLE_HOST_PREFIX_INJECTION=true" in result.output
    assert "export AWS_ENDPOINT_URL_MWAA=http://127.0.0.1:8080" in result.output


def test_commands_say_how_to_start_a_service_when_there_is_none(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["env", "--home", str(tmp_path / "nothing")])
    assert result.exit_code == 1
    assert "start one with `aerodrome up" in result.output
