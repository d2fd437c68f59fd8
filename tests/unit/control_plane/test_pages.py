"""What the pages of a web host show."""

from __future__ import annotations

import pytest

from control_plane.api.web.pages import find_api


@pytest.mark.parametrize(
    ("version", "api"),
    [("1.10.12", "/api/v1"), ("2.10.3", "/api/v1"), ("3.0.6", "/api/v2"), ("10.0.0", "/api/v2")],
)
def test_the_api_is_that_of_the_version(version: str, api: str) -> None:
    assert find_api(version) == api
