"""What is done with one file: read, de-identified, looked at, written whole or not at all."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from pydicom import Dataset
from pydicom.uid import MediaStorageDirectoryStorage

from pacs_anonymize.engine.anonymizer import Change
from pacs_framework.anonymizers.anonymizer import Anonymizer
from pacs_framework.anonymizers.applying import AnonymousInstance, anonymous_instance
from pacs_framework.cli.files import FileTask, sentence_of
from pacs_framework.dicom.part10 import Prefix, make_prefix, read_prefix
from pacs_framework.errors import PacsError, UnreadableInstance
from pacs_framework.whole_file import check_free, whole_file

__all__ = ["Done", "Outcome", "Plan", "Work"]

_PREAMBLE = 128
_MAGIC = b"DICM"


class Outcome(StrEnum):
    """What became of a file."""

    WRITTEN = "written"
    TRIED = "tried"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A file that is through.

    ``output`` is where the new instance is, would be, or could not be because of what is there;
    None where there is none. ``error`` says why it failed or was skipped.
    """

    path: Path
    outcome: Outcome
    output: Path | None = None
    sop_instance_uid: str = ""
    error: str = ""
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What every process is told once.

    ``make`` gives the anonymizer, which tells each change to what it is given. Without ``write``
    nothing is written, and ``output`` may be None; ``keep_names`` takes the names of the sources
    for the new files.
    """

    make: Callable[[Callable[[Change], None] | None], Anonymizer]
    output: Path | None
    write: bool
    keep_names: bool
    overwrite: bool
    tell_changes: bool


class _Noting(Anonymizer):
    """Remembers which study and series its last answer is of."""

    def __init__(self, anonymizer: Anonymizer) -> None:
        self._anonymizer = anonymizer
        self.place = Path()

    def anonymize(self, dataset: Dataset) -> Dataset:
        answer = self._anonymizer.anonymize(dataset)
        # Not checked here: `anonymous_instance` refuses an answer without valid UIDs.
        uids = (answer.get(keyword) for keyword in ("StudyInstanceUID", "SeriesInstanceUID"))
        self.place = Path(*(str(uid) for uid in uids))
        return answer


class Work:
    """Works on one file after the other, in one thread."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._changes: list[Change] = []
        report = self._changes.append if plan.tell_changes else None
        self._anonymizer = _Noting(plan.make(report))

    def __call__(self, task: FileTask) -> Done:
        """What became of the file of ``task``; nothing is raised."""
        self._changes.clear()
        try:
            return self._work(task)
        except FileExistsError as error:
            return _failed(task, _there_already(error), Path(error.filename))
        except OSError as error:
            return _failed(task, sentence_of(error))
        except PacsError as error:
            return _failed(task, str(error))
        except Exception as error:  # noqa: BLE001 - a fault over one file must not stop the others
            # Not its message: that may quote a value.
            return _failed(task, f"a fault of this program: {type(error).__name__}")

    def _work(self, task: FileTask) -> Done:
        with task.source.open("rb") as reader:
            try:
                prefix = read_prefix(reader)
            except UnreadableInstance as error:
                if _is_dicom(reader):
                    raise
                return _skipped(task, str(error))
            if prefix.meta.sop_class_uid == MediaStorageDirectoryStorage:
                return _skipped(task, "a DICOMDIR is not an instance; it holds names of its own")
            return self._instance(task, reader, prefix)

    def _instance(self, task: FileTask, reader: BinaryIO, prefix: Prefix) -> Done:
        if self._plan.keep_names and task.refused:
            return _failed(task, task.refused)
        reader.seek(prefix.dataset_offset)
        made = anonymous_instance(self._anonymizer, reader, prefix.meta.transfer_syntax_uid)
        output = self._output(task, made)
        if self._plan.write and output is not None:
            self._write(made, output)
        else:
            deque(made.dataset, maxlen=0)  # damage behind the header comes with the pieces
        return Done(
            path=task.source,
            outcome=Outcome.WRITTEN if self._plan.write else Outcome.TRIED,
            output=output,
            sop_instance_uid=made.meta.sop_instance_uid,
            changes=tuple(self._changes),
        )

    def _output(self, task: FileTask, made: AnonymousInstance) -> Path | None:
        """Where the new file goes: what a source is called is often the patient's name."""
        if self._plan.output is None:
            return None
        if self._plan.keep_names:
            return task.destination
        return self._plan.output / self._anonymizer.place / f"{made.meta.sop_instance_uid}.dcm"

    def _write(self, made: AnonymousInstance, output: Path) -> None:
        check_free(output, overwrite=self._plan.overwrite)
        with whole_file(output, overwrite=self._plan.overwrite) as writer:
            writer.write(make_prefix(made.meta))
            writer.writelines(made.dataset)


def _is_dicom(reader: BinaryIO) -> bool:
    """Whether a file that cannot be read says that it is one of DICOM (PS3.10 7.1)."""
    reader.seek(_PREAMBLE)
    return reader.read(len(_MAGIC)) == _MAGIC


def _there_already(error: FileExistsError) -> str:
    """Where several processes write, the place may have been taken by a file further on."""
    return (
        f"{error.filename} is there already: from an earlier run, then --overwrite replaces it, or "
        "from another file with the same SOP instance"
    )


def _skipped(task: FileTask, reason: str) -> Done:
    return Done(path=task.source, outcome=Outcome.SKIPPED, error=reason)


def _failed(task: FileTask, error: str, output: Path | None = None) -> Done:
    return Done(path=task.source, outcome=Outcome.FAILED, output=output, error=error)
