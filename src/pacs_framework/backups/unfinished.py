"""The note in a data folder that a restore is under way, so that nobody serves half an archive."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from pacs_framework.errors import BackupError, ConfigurationError
from pacs_framework.folders import sync_folder
from pacs_framework.whole_file import whole_file

__all__ = ["Unfinished", "refuse_unfinished"]

_NAME = "restoring.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """Which snapshot of which backup is being restored; ``tables``: those of plugins are there."""

    backup: str
    snapshot: str
    tables: bool = False

    @classmethod
    def read(cls, data: Path) -> Self | None:
        """What the data folder says; None where no restore is under way."""
        try:
            return cls(**json.loads((data / _NAME).read_bytes()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise BackupError(
                f"{str(data / _NAME)!r} is damaged; empty the data folder and restore anew"
            ) from error

    def write(self, data: Path) -> None:
        """Put it down, in place of what was there."""
        with whole_file(data / _NAME, overwrite=True) as file:
            file.write(json.dumps(asdict(self)).encode())

    @staticmethod
    def remove(data: Path) -> None:
        """The archive is whole."""
        (data / _NAME).unlink(missing_ok=True)
        sync_folder(data)


def refuse_unfinished(data: Path) -> None:
    """Raise `ConfigurationError` where a restore into ``data`` was begun and not ended."""
    if (data / _NAME).exists():
        raise ConfigurationError(
            f"a restore into {str(data)!r} has not come to its end; run `pacs restore` again"
        )
