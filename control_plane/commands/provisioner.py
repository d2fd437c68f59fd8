"""Which provisioner runs the cells of a home: the one place where it is chosen, for `up`, `down` and `status`."""

from __future__ import annotations

from control_plane.settings import Paths
from infra.process import ProcessProvisioner
from infra.provisioner import Provisioner


def open_provisioner(paths: Paths) -> Provisioner:
    """Detached processes on this machine. Starts nothing and costs nothing until it is used."""
    return ProcessProvisioner(paths.cells)
