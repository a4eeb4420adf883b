"""Find the DICOM files under what a user names, and what each of them is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom.uid import MediaStorageDirectoryStorage

from pacs_framework.cli.files import files_below
from pacs_framework.dicom.file_meta import InstanceKind
from pacs_framework.dicom.part10 import read_prefix
from pacs_framework.errors import UnreadableInstance

__all__ = ["Candidate", "FoundInstance", "SkippedFile", "find_instances"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundInstance:
    """A file with an instance in it; the data set starts at ``offset``."""

    path: Path
    kind: InstanceKind
    sop_instance_uid: str
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedFile:
    """A file that is not sent. One that the user named outright is an error, others are not."""

    path: Path
    reason: str
    named: bool


Candidate = FoundInstance | SkippedFile


def find_instances(paths: Iterable[Path]) -> Iterator[Candidate]:
    """Every file under ``paths``, folders searched in sorted order, without pipes and the like."""
    for path in paths:
        if path.is_dir():
            for file in files_below(path):
                yield _look_at(file, named=False)
        else:
            yield _look_at(path, named=True)


def _look_at(path: Path, *, named: bool) -> Candidate:
    try:
        with path.open("rb") as stream:
            meta, offset = read_prefix(stream)
    except (OSError, UnreadableInstance) as error:
        return SkippedFile(path=path, reason=str(error), named=named)
    if meta.sop_class_uid == MediaStorageDirectoryStorage:
        return SkippedFile(path=path, reason="a DICOMDIR is not an instance", named=named)
    return FoundInstance(
        path=path,
        kind=InstanceKind(
            sop_class_uid=meta.sop_class_uid, transfer_syntax_uid=meta.transfer_syntax_uid
        ),
        sop_instance_uid=meta.sop_instance_uid,
        offset=offset,
    )
