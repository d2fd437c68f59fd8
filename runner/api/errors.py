"""The one error of the cell's HTTP edge, and the one map from its codes to statuses and bodies.

Bodies have Airflow's shape: {"detail": text}, or {"detail": [problems]} for input that does not validate.
"""

from __future__ import annotations

from typing import Any

STATUS = {
    "invalid": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "not_found": 404,
    "not_allowed": 405,
    "not_acceptable": 406,
    "conflict": 409,
    "too_large": 413,
    "unprocessable": 422,
    "unavailable": 503,
}


class ApiError(Exception):
    """A request that cannot be answered as asked: `code` is a key of STATUS, `detail` what the caller reads."""

    def __init__(self, code: str, detail: str | list[dict[str, Any]] | dict[str, Any]) -> None:
        super().__init__(str(detail))
        self.code = code
        self.detail = detail

    @property
    def status(self) -> int:
        return STATUS[self.code]


def not_found(what: str, name: object) -> ApiError:
    """`what` named `name` does not exist."""
    return ApiError("not_found", f"cannot find {what} {str(name)!r}")


def problem(
    kind: str, loc: tuple[str | int, ...], message: str, value: object, **ctx: object
) -> dict[str, Any]:
    """One entry of a 422 body, in the shape that FastAPI and Airflow use."""
    entry: dict[str, Any] = {"type": kind, "loc": list(loc), "msg": message, "input": value}
    return {**entry, "ctx": ctx} if ctx else entry
