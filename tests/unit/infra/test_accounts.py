"""Users for cells: each its own, the same for ever, and never one that is in use. Only root can make them."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from infra.accounts import (
    TASK_USER,
    Account,
    Accounts,
    NoAccount,
    Range,
    demote,
    end_all,
    find_closed_door,
    take_back,
)
from infra.homes import Homes
from runner.agent import interpreter
from tests.running import until
from tests.services import make_open_directory

FIRST = 3_500_000 + os.getpid() % 50_000 * 10
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can give users")


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    return Accounts(tmp_path, Range(FIRST, FIRST + 7))


def make(place: Path, name: str) -> Path:
    home = place / name
    home.mkdir(mode=0o700)
    (home / "cell.json").write_text("{}")
    return home


@needs_root
def test_every_home_gets_a_user_of_its_own_when_given_and_keeps_it(
    accounts: Accounts, tmp_path: Path
) -> None:
    one, two = make(tmp_path, "one"), make(tmp_path, "two")
    assert accounts.find(one) is None
    assert accounts.give(one) == Account(FIRST + 2)
    assert accounts.give(two) == Account(FIRST + 4)
    assert accounts.give(one) == Account(FIRST + 2)
    found = (one / "cell.json").stat()
    assert (found.st_uid, found.st_gid) == (FIRST + 2, FIRST + 3)
    assert stat.S_IMODE(one.stat().st_mode) == 0o710


@needs_root
def test_a_number_rests_before_it_is_given_again_and_the_last_is_refused(
    accounts: Accounts, tmp_path: Path
) -> None:
    one, two = make(tmp_path, "one"), make(tmp_path, "two")
    accounts.give(one), accounts.give(two)
    (one / "cell.json").unlink()
    one.rmdir()
    assert accounts.give(make(tmp_path, "three")) == Account(FIRST + 6)
    assert accounts.give(make(tmp_path, "four")) == Account(FIRST + 2)
    with pytest.raises(NoAccount, match="choose a larger range"):
        accounts.give(make(tmp_path, "five"))


@needs_root
def test_nothing_outside_is_given_away_when_a_home_has_links(accounts: Accounts, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("root's")
    home = make(tmp_path, "one")
    (home / "link").symlink_to(outside)
    (home / "cell.json.new").symlink_to(outside)
    accounts.give(home)
    assert outside.stat().st_uid == 0
    with pytest.raises(OSError, match="symbolic links"):
        Homes(tmp_path, accounts).make("one", {"cell.json": "planted"})
    assert outside.read_text() == "root's"


@needs_root
def test_all_that_a_user_runs_ends_when_its_home_is_removed(accounts: Accounts) -> None:
    account = Account(FIRST + 2)
    argv = demote(("sleep", "60"), account, runs_user_code=False)
    running = subprocess.Popen(argv)
    until(lambda: Path(f"/proc/{running.pid}").stat().st_uid == account.uid, 10, "it runs as the user")
    assert end_all(account) == 1
    assert running.wait(10) == -9
    assert end_all(account) == 0


@needs_root
def test_what_a_builder_made_becomes_ours_and_nobody_elses_file_does(tmp_path: Path) -> None:
    mine, its = tmp_path / "base.py", tmp_path / "built.py"
    for path in (mine, its):
        path.write_text("")
    os.chown(mine, FIRST + 5, FIRST + 5)
    os.chown(its, FIRST, FIRST)
    take_back(tmp_path, Account(FIRST))
    assert (its.stat().st_uid, mine.stat().st_uid) == (0, FIRST + 5)


def test_the_first_closed_directory_is_named_when_others_cannot_pass() -> None:
    place = make_open_directory()
    inside = place / "closed" / "inside"
    inside.mkdir(parents=True, mode=0o755)
    inside.parent.chmod(0o755)
    assert find_closed_door([inside]) is None
    inside.parent.chmod(0o700)
    assert find_closed_door([inside]) == inside.parent
    shutil.rmtree(place)


def test_the_agent_reads_the_variable_that_provisioners_set() -> None:
    assert TASK_USER == interpreter.TASK_USER
