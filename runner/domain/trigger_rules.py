"""The trigger rules, which `dag.test()` obeys as well: they are in `airflow._wire`, where both sides agree."""

from __future__ import annotations

from airflow._wire.trigger_rules import EAGER, RULES, Counts, Outcome, evaluate, judge_setups

__all__ = ["EAGER", "RULES", "Counts", "Outcome", "evaluate", "judge_setups"]
