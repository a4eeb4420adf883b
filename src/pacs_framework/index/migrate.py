"""Bringing the tables of an index to the schema of this version.

Alembic keeps one branch for the kernel (label ``kernel``); a plugin that keeps tables of its own
brings a branch of its own. Called inside a write transaction that holds the write lock of the
archive, so that two nodes that start together do not both migrate.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from pacs_framework.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["MIGRATIONS", "migrate"]

MIGRATIONS = Path(__file__).parent / "migrations"

_log = structlog.get_logger(__name__)


def migrate(connection: Connection) -> None:
    """Run every migration that the database has not seen yet.

    Raises `ConfigurationError` when the database was written by a newer version, or holds tables
    that no migration made.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    script = ScriptDirectory.from_config(config)
    present = set(MigrationContext.configure(connection).get_current_heads())
    wanted = set(script.get_heads())
    if present == wanted:
        return
    _check(connection, present, {revision.revision for revision in script.walk_revisions()})
    command.upgrade(config, "heads")
    _log.info("the index was migrated", was=sorted(present), now=sorted(wanted))


def _check(connection: Connection, present: set[str], known: set[str]) -> None:
    """Refuse to touch a database that this version does not understand."""
    unknown = sorted(present - known)
    where = connection.engine.url.render_as_string(hide_password=True)
    if unknown:
        raise ConfigurationError(
            f"the index at {where} has schema revision {unknown[0]!r}, which this version of "
            f"pacs-framework does not know; it was written by a newer one: install that"
        )
    if not present and sa.inspect(connection).has_table("instance"):
        raise ConfigurationError(
            f"the index at {where} holds tables without a schema revision; "
            f"point [index] url at an empty database"
        )
