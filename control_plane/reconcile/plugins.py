"""An environment's plugins.zip: read, checked, unpacked once for all that have the same."""

from __future__ import annotations

from pathlib import Path

from control_plane.reconcile.code_files import CodeFile, refuse
from sync.plugins import BadPlugins, unpack_plugins


def unpack(file: CodeFile, root: Path) -> str:
    """The folder with what is in it. Raises CannotApply naming the entry that cannot be used."""
    try:
        return str(unpack_plugins(root, file.read()))
    except BadPlugins as bad:
        raise refuse(f"cannot use {file.place}: {bad}", "mend the archive") from None
