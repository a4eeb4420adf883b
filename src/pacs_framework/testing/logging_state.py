"""How the log is set up in this process: looked at before a test, and put back after it.

A command that runs in the process of its test sets up the log as it does for a user. Left so, the
tests that come after it would log elsewhere, or not at all.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["LoggingState"]

# Looked up where they are loaded, and not imported: pytest starts no slower for them, and where
# they are not loaded nothing was set up.
_STRUCTLOG, _OURS = "structlog", "pacs_framework.logs"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggingState:
    """What `pacs_framework.logs.configure_logging` changes, as it is at one moment.

    A logger that structlog was told to keep as it was first used (``cache=True``) stays so: what
    runs in the process of a test has to say False.
    """

    structlog: Mapping[str, Any] | None
    context: Mapping[str, Any]
    handlers: tuple[logging.Handler, ...]
    level: int
    levels: Mapping[str, int]

    @classmethod
    def now(cls) -> LoggingState:
        """Look at this process."""
        log = sys.modules.get(_STRUCTLOG)
        loggers = logging.root.manager.loggerDict.items()
        return cls(
            structlog=log.get_config() if log and log.is_configured() else None,
            context=log.contextvars.get_contextvars() if log else {},
            handlers=tuple(logging.root.handlers),
            level=logging.root.level,
            levels={n: each.level for n, each in loggers if isinstance(each, logging.Logger)},
        )

    def restore(self) -> None:
        """Set up the log as it was then."""
        self._restore_structlog()
        ours = sys.modules.get(_OURS)
        if ours is None or logging.root.handlers == list(self.handlers):
            return
        logging.captureWarnings(capture=False)
        for handler in set(logging.root.handlers) - set(self.handlers):
            logging.root.removeHandler(handler)
        logging.root.setLevel(self.level)
        for name in ours.LIBRARIES:
            logging.getLogger(name).setLevel(self.levels.get(name, logging.NOTSET))

    def _restore_structlog(self) -> None:
        log = sys.modules.get(_STRUCTLOG)
        if log is None:
            return
        if self.structlog is not None:
            log.configure(**self.structlog)
        elif log.is_configured():
            log.reset_defaults()
        if log.contextvars.get_contextvars() != self.context:
            log.contextvars.clear_contextvars()
            log.contextvars.bind_contextvars(**self.context)
