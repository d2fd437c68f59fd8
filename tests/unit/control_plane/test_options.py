"""Options that are the service's own have no effect."""

from __future__ import annotations

import pytest

from control_plane.domain.options import choose_options, list_ignored


@pytest.mark.parametrize(
    "option",
    ["core.fernet_key", "database.sql_alchemy_conn", "celery.broker_url", "metrics.statsd_host", "api.base_url",
     "api_auth.jwt_secret", "core.plugins_folder"],
)  # fmt: skip
def test_the_services_own_options_are_ignored(option: str) -> None:
    assert choose_options({option: "x", "core.parallelism": "3"}) == {"core.parallelism": "3"}
    assert list_ignored({option: "x", "core.parallelism": "3"}) == [option]


@pytest.mark.parametrize(
    "option", ["secrets.backend", "metrics.metrics_allow_list", "mwaa.triggerer_enabled", "x.y"]
)
def test_all_other_options_count(option: str) -> None:
    assert choose_options({option: "x"}) == {option: "x"}
