"""The version we present to provider packages, which choose their code path by it."""

from __future__ import annotations

from airflow import __version__

version = __version__
