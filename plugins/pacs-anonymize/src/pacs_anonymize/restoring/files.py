"""Files put back to their patients: written whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from pacs_anonymize.restoring.restoring import Restorer
from pacs_framework.cli.files import FileTask, sentence_of
from pacs_framework.dicom.header import split_data_set
from pacs_framework.dicom.part10 import make_prefix, read_prefix
from pacs_framework.dicom.rewrite import decode_header, joined
from pacs_framework.errors import PacsError
from pacs_framework.whole_file import check_free, whole_file

__all__ = ["Restored", "restore_file"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What became of a file; ``error`` is empty where ``output`` was written."""

    path: Path
    output: Path
    sop_instance_uid: str = ""
    error: str = ""


def restore_file(restorer: Restorer, task: FileTask, *, overwrite: bool) -> Restored:
    """Put the instance in the file of ``task`` back to its patient; nothing is raised."""
    nothing = Restored(path=task.source, output=task.destination)
    if task.refused:
        return replace(nothing, error=task.refused)
    try:
        uid = _restore(restorer, task.source, task.destination, overwrite=overwrite)
    except OSError as error:
        return replace(nothing, error=sentence_of(error))
    except PacsError as error:
        return replace(nothing, error=str(error))
    return replace(nothing, sop_instance_uid=uid)


def _restore(restorer: Restorer, source: Path, destination: Path, *, overwrite: bool) -> str:
    check_free(destination, overwrite=overwrite)
    with source.open("rb") as reader:
        prefix = read_prefix(reader)
        reader.seek(prefix.dataset_offset)
        syntax = prefix.meta.transfer_syntax_uid
        split = split_data_set(reader, syntax)
        dataset = restorer.restore(decode_header(split))
        uid = str(dataset.SOPInstanceUID)
        meta = replace(prefix.meta, sop_instance_uid=uid, prefix=None)
        pieces = joined(split, syntax, dataset, pixels_only=False)
        with whole_file(destination, overwrite=overwrite) as writer:
            writer.write(make_prefix(meta))
            writer.writelines(pieces)
    return uid
