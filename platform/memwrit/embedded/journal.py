"""gunicorn's own log in the same reticent lines as everything else's: its tracebacks would quote messages."""

from __future__ import annotations

from typing import Any

from gunicorn.glogging import Logger

from memwrit.logs import Reticent


class Journal(Logger):  # type: ignore[misc]
    """Errors only; there is no access log, which would hold paths and addresses."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(Reticent())
