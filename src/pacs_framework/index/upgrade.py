"""Running migrations with Alembic, which takes a tenth of a second to import: only where needed."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from pacs_framework.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["MIGRATIONS", "known_revisions", "upgrade"]

MIGRATIONS = Path(__file__).parent / "migrations"


def known_revisions() -> set[str]:
    """Every revision that this version can migrate from, the newest included."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return {each.revision for each in ScriptDirectory.from_config(config).walk_revisions()}


def upgrade(connection: Connection, present: Collection[str] = ()) -> None:
    """Run the migrations that follow the revisions ``present``; all of them when there are none.

    Raises `ConfigurationError` when a revision is none of this version.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    script = ScriptDirectory.from_config(config)
    unknown = sorted(set(present) - {each.revision for each in script.walk_revisions()})
    if unknown:
        where = connection.engine.url.render_as_string(hide_password=True)
        raise ConfigurationError(
            f"the index at {where} has schema revision {unknown[0]!r}, which this version of "
            f"pacs-framework does not know; it was written by a newer one: install that"
        )
    command.upgrade(config, "heads")
