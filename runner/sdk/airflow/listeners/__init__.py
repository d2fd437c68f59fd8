"""The mark of listener functions."""

from __future__ import annotations

from airflow.listeners.marker import hookimpl

__all__ = ["hookimpl"]
