"""One edge for the tests of a module: they use names of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.http.serving import Server, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("edge")) as server:
        yield server
