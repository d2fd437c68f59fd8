from __future__ import annotations

import stat
from pathlib import Path

import pytest

from control_plane.settings import BadSetting, Paths, read


def test_read_prefers_options_over_variables_over_defaults_when_all_are_there() -> None:
    environ = {
        "AERODROME_PORT": "1",
        "AERODROME_TLS_PORT": "2",
        "AERODROME_HOME": "/srv/a",
        "AERODROME_REGION": "",
    }
    settings = read({"port": 0, "tls_port": None}, environ)
    assert (settings.port, settings.tls_port, settings.s3_port) == (0, 2, 9000)
    assert settings.home == Path("/srv/a")
    assert settings.region == "us-east-1"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"port": "many"}, "cannot use 'many' as port"),
        ({"tls_port": 70000}, "ports are 0 to 65535"),
        ({"sync_interval": 0}, "0.1 to 3600"),
        ({"account_id": "12"}, "12 digits"),
        ({"audit": "some"}, "all or changes"),
    ],
)
def test_read_names_the_setting_when_it_cannot_be_used(options: dict[str, object], words: str) -> None:
    with pytest.raises(BadSetting, match=words):
        read(options, {})


def test_make_creates_private_directories_when_the_home_is_new(tmp_path: Path) -> None:
    paths = Paths(tmp_path / "home")
    paths.make()
    paths.make()
    for folder in (paths.home, paths.keys, paths.cells, paths.endpoints.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
