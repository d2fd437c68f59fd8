"""`self.log` for any class."""

from __future__ import annotations

import logging


class LoggingMixin:
    """Gives a class a logger of its own name."""

    @property
    def log(self) -> logging.Logger:
        return logging.getLogger(f"{type(self).__module__}.{type(self).__name__}")
