"""What is done with one file: read, de-identified, looked at, written whole or not at all."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

from pydicom import Dataset
from pydicom.uid import MediaStorageDirectoryStorage

from pacs_anonymize.engine.anonymizer import Change
from pacs_anonymize.quarantine.folder import Case, Quarantine
from pacs_anonymize.vault.entries import Entry
from pacs_anonymize.vault.errors import VaultConflict, VaultError
from pacs_anonymize.vault.keeping import Keeper
from pacs_anonymize.vault.recording import Remembering
from pacs_framework.anonymizers.anonymizer import Anonymizer
from pacs_framework.anonymizers.applying import AnonymousInstance, anonymous_instance
from pacs_framework.anonymizers.pixel_work import AnonymousDataSet, data_set_of
from pacs_framework.cli.files import FileTask, sentence_of
from pacs_framework.codecs.isolated import IsolatedCodecs
from pacs_framework.codecs.registry import CodecRegistry
from pacs_framework.codecs.transcoding import Transcoding
from pacs_framework.dicom.header import blocks_of
from pacs_framework.dicom.part10 import make_prefix, read_prefix
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
    for the new files. ``keeper`` keeps the way back before a file is written. ``quarantine`` is
    the folder for what cannot be de-identified by ``anonymizer``, as people call it. ``codecs``
    are for pixels that it wants changed.
    """

    anonymizer: str
    make: Callable[[Callable[[Change], None] | None], Anonymizer]
    output: Path | None
    write: bool
    keep_names: bool
    overwrite: bool
    tell_changes: bool
    keeper: Keeper | None = None
    quarantine: Path | None = None
    codecs: CodecRegistry | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun:
    """An instance that is de-identified and not yet written; its entries lead back."""

    task: FileTask
    made: AnonymousInstance
    output: Path | None
    changes: tuple[Change, ...]
    entries: tuple[Entry, ...]


class _Noting(Anonymizer):
    """Remembers which study and series its last answer is of."""

    def __init__(self, anonymizer: Anonymizer) -> None:
        self._anonymizer = anonymizer
        self.place = Path()

    def anonymize(self, dataset: Dataset) -> Dataset | AnonymousDataSet:
        answer = self._anonymizer.anonymize(dataset)
        # Not checked here: `anonymous_instance` refuses an answer without valid UIDs.
        made = data_set_of(answer)
        uids = (made.get(keyword) for keyword in ("StudyInstanceUID", "SeriesInstanceUID"))
        self.place = Path(*(str(uid) for uid in uids))
        return answer


class _Gathering:
    """Takes entries that are kept later, those of several instances together."""

    def __init__(self, entries: list[Entry], keeper: Keeper) -> None:
        self._entries = entries
        self.knows = keeper.knows

    def __call__(self, entries: Sequence[Entry]) -> None:
        self._entries.extend(entries)


_Step = TypeVar("_Step")


class Work:
    """Works on one file after the other, in one thread."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._changes: list[Change] = []
        report = self._changes.append if plan.tell_changes else None
        self._entries: list[Entry] = []
        anonymizer = plan.make(report)
        if plan.keeper is not None:
            anonymizer = Remembering(anonymizer, _Gathering(self._entries, plan.keeper))
        self._anonymizer = _Noting(anonymizer)
        # Its process begins with the first frame.
        self._codecs = IsolatedCodecs(plan.codecs or CodecRegistry(), most=1)
        self._transcoding = Transcoding(self._codecs, encoder=self._codecs)

    def close(self) -> None:
        """End what decodes."""
        self._codecs.close()

    def __call__(self, task: FileTask) -> Done:
        """What became of the file of ``task``; nothing is raised."""
        return self.batch([task])[0]

    def batch(self, tasks: Sequence[FileTask]) -> list[Done]:
        """What became of the files of ``tasks``; nothing is raised.

        Where there is a vault, the way back to all of them is kept in one transaction, and only
        then they are written.
        """
        if self._plan.keeper is None and len(tasks) > 1:
            return [self(task) for task in tasks]
        with ExitStack() as files:
            begun = [self._guarded(task, partial(self._begin, task, files)) for task in tasks]
            return [self._finished(each) for each in self._kept(begun)]

    def _guarded(self, task: FileTask, step: Callable[[], _Step]) -> _Step | Done:
        """What a step makes, or how it failed."""
        try:
            return step()
        except FileExistsError as error:
            return _failed(task, _there_already(error), Path(error.filename))
        except OSError as error:
            return _failed(task, sentence_of(error))
        except VaultError as error:
            return _failed(task, str(error))
        except PacsError as error:
            return self._put_aside(task, _failed(task, str(error)))
        except Exception as error:  # noqa: BLE001 - a fault over one file must not stop the others
            # Not its message: that may quote a value.
            fault = f"a fault of this program: {type(error).__name__}"
            return self._put_aside(task, _failed(task, fault))

    def _begin(self, task: FileTask, files: ExitStack) -> _Begun | Done:
        self._changes.clear()
        self._entries.clear()
        reader = files.enter_context(task.source.open("rb"))
        try:
            prefix = read_prefix(reader)
        except UnreadableInstance as error:
            if _is_dicom(reader):
                raise
            return _skipped(task, str(error))
        if prefix.meta.sop_class_uid == MediaStorageDirectoryStorage:
            return _skipped(task, "a DICOMDIR is not an instance; it holds names of its own")
        if self._plan.keep_names and task.refused:
            return _failed(task, task.refused)
        reader.seek(prefix.dataset_offset)
        syntax = prefix.meta.transfer_syntax_uid
        made = anonymous_instance(self._anonymizer, reader, syntax, self._transcoding)
        return _Begun(
            task=task,
            made=made,
            output=self._output(task, made),
            changes=tuple(self._changes),
            entries=tuple(self._entries),
        )

    def _kept(self, begun: Sequence[_Begun | Done]) -> Sequence[_Begun | Done]:
        """Keep the way back to all that were begun; those fail for which that cannot be done."""
        keeper = self._plan.keeper
        if keeper is None:
            return begun
        try:
            keeper([entry for each in begun if isinstance(each, _Begun) for entry in each.entries])
        except VaultConflict:
            return [self._kept_alone(each, keeper) for each in begun]
        except VaultError as error:
            fault = str(error)
            return [_failed(b.task, fault) if isinstance(b, _Begun) else b for b in begun]
        return begun

    def _kept_alone(self, begun: _Begun | Done, keeper: Keeper) -> _Begun | Done:
        """Of several in one transaction, only those are to fail that are at fault."""
        if isinstance(begun, Done):
            return begun

        def keep() -> _Begun:
            keeper(begun.entries)
            return begun

        return self._guarded(begun.task, keep)

    def _finished(self, begun: _Begun | Done) -> Done:
        if isinstance(begun, Done):
            return begun
        return self._guarded(begun.task, partial(self._finish, begun))

    def _finish(self, begun: _Begun) -> Done:
        if self._plan.write and begun.output is not None:
            self._write(begun.made, begun.output)
        else:
            deque(begun.made.dataset, maxlen=0)  # damage behind the header comes with the pieces
        return Done(
            path=begun.task.source,
            outcome=Outcome.WRITTEN if self._plan.write else Outcome.TRIED,
            output=begun.output,
            sop_instance_uid=begun.made.meta.sop_instance_uid,
            changes=begun.changes,
        )

    def _put_aside(self, task: FileTask, failed: Done) -> Done:
        """Put a copy of what failed into quarantine, where there is one."""
        if self._plan.quarantine is None:
            return failed
        case = Case(
            reason=failed.error,
            anonymizer=self._plan.anonymizer,
            door="files",
            source=str(task.source.absolute()),
        )
        try:
            with task.source.open("rb") as reader:
                entry = Quarantine(self._plan.quarantine).add(case, blocks_of(reader))
        except OSError as error:
            told = f"and could not be put into quarantine: {sentence_of(error)}"
        except PacsError as error:
            told = f"and could not be put into quarantine: {error}"
        else:
            told = f"quarantine {entry.id}"
        return replace(failed, error=f"{failed.error} ({told})")

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
