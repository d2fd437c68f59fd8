"""Our own DAG files of each generation beside what real Airflows said of them, and the table of how we differ."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.venv import ensure_base_venv
from tests.compat.compare import Difference
from tests.compat.corpora import Corpus
from tests.compat.differing import Sides, examine
from tests.compat.ours import LOCK
from tests.compat.recorded import Recorded, list_own
from tests.running import ROOT, RunningService

pytestmark = pytest.mark.timeout(300)
TABLE = ROOT / "runner" / "sdk" / "COMPATIBILITY.md"
_ROW = re.compile(r"\| `(gen\d/\S+)` \| `([^`]+)` \| `([^`]+)` \| (\S.*) \|$")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    root = tmp_path_factory.mktemp("compat")
    service = RunningService(root / "home", tmp_path_factory.getbasetemp().parent / "venvs")
    try:
        service.up()
        yield service
    finally:
        service.close()


@pytest.mark.parametrize("corpus", list_own(), ids=lambda corpus: corpus.name)
def test_every_difference_is_listed_and_exists_when_our_files_run_on_both_sides(
    service: RunningService, corpus: Corpus
) -> None:
    python = ensure_base_venv((service.home / "venvs").resolve(), LOCK)
    result = examine(corpus, Sides(Recorded(corpus), service, 60.0, python))
    found = {_key(corpus, item) for item in result.differences}
    listed = {row for row in _list_rows(TABLE) if row[0].startswith(f"{corpus.name}/")}
    assert found == listed, "\n".join(f"{item.about}: {item.detail}" for item in result.differences)


def _key(corpus: Corpus, item: Difference) -> tuple[str, str, str]:
    return f"{corpus.name}/{item.file}", item.about, item.cause


def _list_rows(path: Path) -> Iterator[tuple[str, str, str]]:
    for line in path.read_text().splitlines():
        if match := _ROW.match(line):
            yield match[1], match[2], match[3]
