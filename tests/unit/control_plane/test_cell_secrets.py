"""The keys of a cell's secrets: the same for every machine of a service, none ever lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from airflow._wire import secret_keys

from control_plane.store import environments
from control_plane.store.cell_secrets import CellSecrets
from control_plane.store.database import ServiceDatabase
from control_plane.store.schema import environment as table
from control_plane.store.vault import open_vault
from runner.store.secrets import open_box
from tests.unit.control_plane.test_store import an_environment

UID = an_environment().uid


@pytest.fixture
def cells(database_url: str, tmp_path: Path) -> Iterator[CellSecrets]:
    database = ServiceDatabase(database_url)
    database.prepare()
    with database.begin() as conn:
        environments.insert(conn, an_environment())
    yield CellSecrets(database, open_vault(tmp_path / "master.key"))
    database.close()


def test_all_machines_have_the_same_new_keys_when_they_ask_at_once(cells: CellSecrets) -> None:
    found: list[str] = []
    asking = [threading.Thread(target=lambda: found.append(cells.agree(UID, ""))) for _ in range(6)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert len(found) == 6 and len(set(found)) == 1 and found[0]


def test_keys_that_a_cell_made_before_are_kept_and_nothing_sealed_with_either_is_lost(
    cells: CellSecrets, tmp_path: Path
) -> None:
    places = [tmp_path / name for name in ("first.key", "second.key")]
    sealed = [open_box(place).seal("hush") for place in places]
    assert cells.agree(UID, places[0].read_text()) == places[0].read_text()
    both = cells.agree(UID, places[1].read_text())
    assert both == secret_keys.merge(places[1].read_text(), places[0].read_text())
    assert set(cells.agree(UID, places[0].read_text()).splitlines()) == set(both.splitlines())
    places[0].write_text(both)
    assert [open_box(places[0]).open(text) for text in sealed] == ["hush", "hush"]


def test_keys_lie_sealed_in_the_database(cells: CellSecrets) -> None:
    keys = cells.agree(UID, "")
    with cells.database.read() as conn:
        kept = conn.execute(sa.select(table.c.secret_keys)).scalar_one()
    assert keys.split()[1].encode() not in kept
    assert cells.vault.open(kept) == keys
