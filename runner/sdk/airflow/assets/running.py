"""What a task with inlets or outlets does besides its work: they are checked before, their events told after it."""

from __future__ import annotations

from typing import Any

from airflow.assets.outlet_events import OutletEvents
from airflow.assets.wire import list_leaves, to_ref
from airflow.configuration import generation
from airflow.exceptions import AirflowInactiveAssetInInletOrOutletException


def check_active(task: Any, comms: Any) -> None:
    """Raises AirflowInactiveAssetInInletOrOutletException when an asset is not the one that its name or URI means.

    Datasets of 2.x have no names that could clash.
    """
    if generation() < 3:
        return
    leaves = [*list_leaves(task.inlets or []), *list_leaves(task.outlets or [])]
    refs = [ref for ref in map(to_ref, leaves) if ref["kind"] != "alias"]
    inactive = comms.ask("list_inactive_assets", {"assets": refs}) if refs else []
    if inactive:
        raise AirflowInactiveAssetInInletOrOutletException([_show(ref) for ref in inactive])


def list_events(task: Any, context: Any) -> list[dict[str, Any]]:
    """The events of a task that has succeeded."""
    events = context["outlet_events"] if context is not None else OutletEvents(task.outlets)
    return list(events.list_events())


def _show(ref: dict[str, Any]) -> str:
    named = ", ".join(f"{name}={ref[name]!r}" for name in ("name", "uri") if ref.get(name))
    return f"Asset({named})"
