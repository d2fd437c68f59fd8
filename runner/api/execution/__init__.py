"""What running tasks may ask the engine. `handle` answers one question of one attempt."""

from runner.api.execution.questions import AttemptInfo, Refused, handle

__all__ = ["AttemptInfo", "Refused", "handle"]
