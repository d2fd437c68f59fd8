"""Defaults of options that both the engine and children read."""

from __future__ import annotations

IMPORT_SECONDS = 30.0
"""[core] dagbag_import_timeout"""
MAP_LENGTH = 1024
"""[core] max_map_length"""
