"""Logging: events of the kernel and its plugins, readable on a terminal or as JSON lines.

Events go through structlog and straight to the stream. What other libraries log by the standard
library's `logging` is brought into the same form. Whatever is bound to the context of a thread
(the id of its association, the peer) is on every line of it.

No patient data at level info and above: libraries that put values of attributes or of SQL
parameters into their messages are heard at level debug only.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from threading import Lock
from typing import TYPE_CHECKING, Any, TextIO

import structlog

from pacs_framework.config.redaction import HIDDEN, is_secret_name, without_passwords

if TYPE_CHECKING:
    from structlog.typing import Processor

    from pacs_framework.config import LogSettings

__all__ = ["LIBRARIES", "configure_logging"]

_Event = MutableMapping[str, Any]

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}

# They repeat values of elements in their warnings, or statements with their parameters.
_HEARD_AT_DEBUG_ONLY = ("py.warnings", "pydicom", "pynetdicom", "sqlalchemy.engine")
# They tell their own housekeeping at level info.
_HEARD_FROM_WARNING = ("alembic", "sqlalchemy")

LIBRARIES = (*_HEARD_AT_DEBUG_ONLY, *_HEARD_FROM_WARNING)
"""Loggers of other libraries whose level `configure_logging` sets."""


def configure_logging(
    settings: LogSettings,
    *,
    stream: TextIO | None = None,
    cache: bool = True,
) -> None:
    """Set up logging for this process, once at its start.

    settings: the section ``[log]``: format and level.
    stream: where lines go, standard error when None.
    cache: keep each logger as it is first used, which makes a filtered event cost next to nothing;
    a process that configures logging more than once (tests) needs False.
    """
    target = sys.stderr if stream is None else stream
    lines = _Lines(target)
    terminal = target.isatty()
    as_json = settings.format == "json" or (settings.format == "auto" and not terminal)
    level = _LEVELS[settings.level]
    renderer = _json_renderer() if as_json else _console_renderer(colors=terminal)
    structlog.configure(
        processors=[*_common(), *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lines.logger,
        cache_logger_on_first_use=cache,
    )
    _route_standard_library(lines, renderer, level)


class _Lines:
    """The stream that all threads write whole lines to."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = Lock()

    def write(self, line: str) -> None:
        with self._lock:
            self._stream.write(f"{line}\n")
            self._stream.flush()

    def logger(self, name: str = "") -> _LineLogger:
        """What structlog asks for with the arguments of ``get_logger``."""
        return _LineLogger(self, name)


class _LineLogger:
    """The innermost logger of structlog: a name and one method for every level."""

    def __init__(self, lines: _Lines, name: str) -> None:
        self.name = name
        self.debug = self.info = self.warning = self.error = self.critical = lines.write
        self.msg = self.log = self.fatal = self.exception = self.err = self.warn = lines.write


class _ToLines(logging.Handler):
    """The standard library's records, rendered like events, to the same stream."""

    def __init__(self, lines: _Lines, renderer: list[Processor]) -> None:
        super().__init__()
        self._lines = lines
        self.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                foreign_pre_chain=_common(),
                processors=[
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    *renderer,
                ],
            )
        )

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.write(self.format(record))
        except Exception:  # noqa: BLE001 - logging's own rule: a handler never raises
            self.handleError(record)


def _common() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        _add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        _redact,
    ]


def _json_renderer() -> list[Processor]:
    return [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(default=str, ensure_ascii=False),
    ]


def _console_renderer(*, colors: bool) -> list[Processor]:
    # Plain tracebacks: rich ones show the variables of each frame, and so whatever is in them.
    plain = structlog.dev.plain_traceback
    return [
        _without_logger_name,
        structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain),
    ]


def _add_logger_name(logger: Any, _method: str, event: _Event) -> _Event:
    record = event.get("_record")
    name = record.name if record is not None else getattr(logger, "name", "")
    if name:
        event["logger"] = name
    return event


def _without_logger_name(_logger: Any, _method: str, event: _Event) -> _Event:
    event.pop("logger", None)
    return event


def _redact(_logger: Any, _method: str, event: _Event) -> _Event:
    """Hide what a key calls a secret, and passwords in URLs."""
    for key, value in event.items():
        if is_secret_name(key):
            event[key] = HIDDEN
        elif isinstance(value, str) and "://" in value:
            event[key] = without_passwords(value)
    return event


def _route_standard_library(lines: _Lines, renderer: list[Processor], level: int) -> None:
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, _ToLines)]:
        root.removeHandler(handler)
    root.addHandler(_ToLines(lines, renderer))
    root.setLevel(level)
    logging.captureWarnings(capture=True)
    debug = level <= logging.DEBUG
    for name in _HEARD_FROM_WARNING:
        logging.getLogger(name).setLevel(level if debug else max(level, logging.WARNING))
    for name in _HEARD_AT_DEBUG_ONLY:
        logging.getLogger(name).setLevel(level if debug else logging.CRITICAL + 1)
