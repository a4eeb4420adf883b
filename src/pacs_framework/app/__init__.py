"""The composition root: from a configuration to a running archive, and down again.

`configure` reads and validates everything; `App` wires and owns one of each: database, storage,
archive, change feed, listener. Nothing here is global, so two archives can run in one process.
"""

from pacs_framework.app.composition import App
from pacs_framework.app.configured import Configured, configure, configure_with
from pacs_framework.app.shown import empty_archive
from pacs_framework.app.wire import limits_of

__all__ = [
    "App",
    "Configured",
    "configure",
    "configure_with",
    "empty_archive",
    "limits_of",
]
