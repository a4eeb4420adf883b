"""Films as files in a folder, one for each."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, ClassVar

from pydantic import Field, field_validator

from pacs_framework.config.types import Section
from pacs_framework.whole_file import whole_file
from pacs_print.outputs.contract import Delivery, PrintJob, PrintOutput

if TYPE_CHECKING:
    from pacs_print.sheet import Sheet

__all__ = ["FileOutput", "FolderSettings"]


class FolderSettings(Section):
    """``{to = "pdf", folder = "/srv/films"}``."""

    folder: Path = Field(description="An absolute path; it is made where it is not there.")

    @field_validator("folder")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        if not value.is_absolute():
            raise ValueError("needs an absolute path")
        return value


class FileOutput(PrintOutput[FolderSettings]):
    """Writes each film to a file named by its job: time, UID, number of the film.

    Files appear whole and on disk. Copies are for paper: here each film is one file.
    """

    suffix: ClassVar[str]
    settings = FolderSettings

    @abstractmethod
    def write(self, sheet: Sheet, file: BinaryIO) -> None:
        """Write one sheet, at the start of an empty file."""

    def begin(self, job: PrintJob, settings: FolderSettings) -> Delivery:
        """See `PrintOutput`."""
        return _FileDelivery(self, job, settings.folder)


class _FileDelivery(Delivery):
    def __init__(self, output: FileOutput, job: PrintJob, folder: Path) -> None:
        self._output = output
        self._stem = f"{job.created:%Y%m%d-%H%M%S}-{job.uid}"
        self._folder = folder

    def add(self, number: int, sheet: Sheet) -> None:
        path = self._folder / f"{self._stem}-{number:03}{self._output.suffix}"
        with whole_file(path, overwrite=True) as file:
            self._output.write(sheet, file)
