"""De-identified files: written whole or not at all."""

from __future__ import annotations

from pathlib import Path

from pacs_framework.anonymizers.anonymizer import Anonymizer
from pacs_framework.anonymizers.applying import AnonymousInstance, anonymous_instance
from pacs_framework.codecs.transcoding import Transcoding
from pacs_framework.dicom.part10 import make_prefix, read_prefix
from pacs_framework.whole_file import check_free, whole_file

__all__ = ["anonymize_file"]


def anonymize_file(
    anonymizer: Anonymizer,
    source: Path,
    destination: Path,
    *,
    overwrite: bool = False,
    transcoding: Transcoding | None = None,
) -> AnonymousInstance:
    """Write the DICOM file ``source``, de-identified, to ``destination``; folders are made.

    The Part 10 header is a new one (PS3.15 E.1.1). Compressed pixels that the anonymizer wants
    changed are changed with the codecs of ``transcoding``. Returns what was written; its pieces are
    used up. Raises `NotAnonymized`, `UnreadableInstance` and OSError: FileExistsError where
    ``destination`` is there and may not be overwritten. Then nothing is written.
    """
    check_free(destination, overwrite=overwrite)
    with source.open("rb") as reader:
        prefix = read_prefix(reader)
        reader.seek(prefix.dataset_offset)
        syntax = prefix.meta.transfer_syntax_uid
        made = anonymous_instance(anonymizer, reader, syntax, transcoding)
        with whole_file(destination, overwrite=overwrite) as writer:
            writer.write(make_prefix(made.meta))
            writer.writelines(made.dataset)
    return made
