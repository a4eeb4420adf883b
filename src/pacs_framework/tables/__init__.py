"""Tables of a plugin's own, in the archive's database or in a file beside the index.

A plugin that keeps state describes its tables in a `PluginTables`, returns it from the hook
``tables``, and works with them through ``archive.tables(NAME)``, a `TableStore`.
"""

from pacs_framework.tables.columns import TEXT, TIME, insert, new_metadata
from pacs_framework.tables.definition import PluginTables
from pacs_framework.tables.leases import Leases, lease_columns, now
from pacs_framework.tables.notices import Notices, give_notice
from pacs_framework.tables.opened import OpenTables
from pacs_framework.tables.pauses import Pauses
from pacs_framework.tables.statement import Statement
from pacs_framework.tables.store import TableStore

__all__ = [
    "TEXT",
    "TIME",
    "Leases",
    "Notices",
    "OpenTables",
    "Pauses",
    "PluginTables",
    "Statement",
    "TableStore",
    "give_notice",
    "insert",
    "lease_columns",
    "new_metadata",
    "now",
]
