"""Facts about many DAGs at once: how many runs of each state, which tags there are; and pausing many."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from runner.api.airflow.bodies import DagPatch
from runner.api.airflow.dag_shapes import dag_body
from runner.api.airflow.dags import check_mask, find_page, read_dag_filter
from runner.api.answers import reply
from runner.api.call import Call
from runner.domain.states import DagRunState
from runner.store import listing_dags
from runner.store.dags import set_paused
from runner.store.listing_dags import DagFilter
from runner.store.listing_page import is_match, is_start, order_rows


def list_stats(call: Call) -> Response:
    """GET /dagStats: of every DAG that has runs, or of those named, how many are in each state."""
    with call.cell.db.read() as conn:
        counts = listing_dags.count_runs(conn, call.params.getlist("dag_ids"))
        summaries = call.summaries.get(conn, [version for _dag_id, version in counts])
    bodies = [
        {
            "dag_id": dag_id,
            "dag_display_name": summaries[version].display_name,
            "stats": [{"state": state, "count": found.get(state, 0)} for state in DagRunState],
        }
        for (dag_id, version), found in counts.items()
    ]
    return reply({"dags": bodies, "total_entries": len(bodies)})


def list_tags(call: Call) -> Response:
    """GET /dagTags"""
    query = call.query()
    pattern, prefix = query.text("tag_name_pattern"), query.text("tag_name_prefix_pattern")
    window = query.window()
    query.check()
    with call.cell.db.read() as conn:
        pairs = listing_dags.list_dag_ids(conn, DagFilter())
        summaries = call.summaries.get(conn, [version for _dag_id, version in pairs])
    names = sorted({tag for summary in summaries.values() for tag in summary.tags})
    found: list[dict[str, Any]] = [
        {"name": name} for name in names if is_match(name, pattern) and is_start(name, prefix)
    ]
    tags = [row["name"] for row in order_rows(found, window, ("name",))]
    return reply({"tags": tags, "total_entries": len(found)})


def patch_dags(call: Call) -> Response:
    """PATCH /dags: pause or unpause those of one page. Without dag_id_pattern it is none; '~' is all."""
    body = call.parse(DagPatch)
    check_mask(call)
    wanted, inside, window = read_dag_filter(call)
    if "dag_id_pattern" not in call.params:
        return reply({"dags": [], "total_entries": 0})
    with call.begin() as conn:
        page = find_page(call, conn, wanted, inside, window)
        ids = [row.dag_id for row in page.rows]
        for dag_id in ids:
            set_paused(conn, dag_id, body.is_paused)
        rows = [row for dag_id in ids if (row := listing_dags.find_dag_row(conn, dag_id)) is not None]
        summaries = call.summaries.get(conn, [row.version_id for row in rows])
    call.cell.post_dags_changed()
    bodies = [dag_body(row, summaries[row.version_id]) for row in rows]
    return reply({"dags": bodies, "total_entries": page.total})
