"""What cells stand on, by settings and by what they have to reach."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from control_plane.commands import ground
from control_plane.commands.ground import Ground, NoGround, decide
from control_plane.settings import Settings

HERE, ELSEWHERE = "http://127.0.0.1:9000", "https://s3.example.com"


@pytest.mark.parametrize(
    ("endpoints", "chosen", "network"),
    [
        ((HERE, None), None, "host"),
        ((ELSEWHERE, "postgresql://a@localhost/a"), None, "host"),
        ((ELSEWHERE, "postgresql://a@db.example.com/a"), None, "aerodrome"),
        ((None, None), None, "aerodrome"),
        ((HERE, None), "mine", "mine"),
    ],
)
def test_containers_join_the_network_on_which_they_reach_what_they_need(
    tmp_path: Path, endpoints: tuple[str | None, ...], chosen: str | None, network: str
) -> None:
    settings = Settings(home=tmp_path, provisioner="docker", users="off", docker_network=chosen)
    assert decide(settings, endpoints, ()).network == network


def test_sharing_a_user_is_said_with_the_reason_when_it_is_so(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    settings = Settings(home=closed / "home")
    found = decide(settings, (), ())
    assert found.users is None
    assert found.warning is not None and "single-tenant" in found.warning
    with pytest.raises(NoGround, match="cannot give environments users of their own"):
        decide(replace(settings, users="700000000-700065535"), (), ())


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give users")
def test_two_services_have_blocks_of_their_own_when_they_choose_themselves() -> None:
    one, two = (decide(Settings(home=Path(f"/srv/{name}")), (), ()) for name in ("one", "two"))
    assert one.users is not None and two.users is not None
    assert one.users[0] > two.users[1] or two.users[0] > one.users[1]
    assert one.warning is None


def test_the_decision_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    paths = Settings(home=tmp_path / "home").paths
    paths.make()
    assert ground.read(paths) == Ground()
    decision = Ground("docker", (700_000_000, 700_000_009), "", "aerodrome", "/run/docker.sock", "host")
    ground.write(paths, decision)
    assert ground.read(paths) == decision
