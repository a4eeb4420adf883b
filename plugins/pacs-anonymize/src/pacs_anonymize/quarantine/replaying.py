"""Another try for what is in quarantine, through the same door as the first time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pacs_anonymize.on_store import fits
from pacs_anonymize.quarantine.folder import Quarantine, Quarantined
from pacs_framework.archive.incoming import IncomingInstance, Origin
from pacs_framework.cli.files import sentence_of
from pacs_framework.dicom.part10 import read_prefix
from pacs_framework.dicom.rewrite import load_header
from pacs_framework.errors import PacsError

if TYPE_CHECKING:
    from pacs_anonymize.settings import StoreRule
    from pacs_framework.archive.archive import Archive

__all__ = ["Replayed", "replay"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What became of an entry; ``error`` is empty where the archive has taken it in."""

    id: str
    status: str = ""
    error: str = ""


def replay(
    archive: Archive, quarantine: Quarantine, entry: Quarantined, rules: Sequence[StoreRule]
) -> Replayed:
    """Send an entry to the archive again; it leaves the quarantine when it was taken in.

    One that none of ``rules`` is for any more would be kept as it came, so it is not sent.
    """
    case, file = entry.case, quarantine.file_of(entry)
    if case.door == "files":
        return Replayed(id=entry.id, error=f"it came from a file: pacs anonymize {file} -o OUT")
    origin = Origin(
        door=case.door,
        calling_aet=case.calling_aet,
        called_aet=case.called_aet,
        address=case.address,
    )
    try:
        instance = _instance_in(file, origin)
        if not any(fits(rule, instance) for rule in rules):
            return Replayed(
                id=entry.id, error="no rule in on_store is for it: it would be kept as it came"
            )
        outcome = archive.import_file(file, origin)
        quarantine.delete(entry)
    except OSError as error:
        return Replayed(id=entry.id, error=sentence_of(error))
    except PacsError as error:
        return Replayed(id=entry.id, error=str(error))
    return Replayed(id=entry.id, status=f"{outcome.status:04X}")


def _instance_in(file: Path, origin: Origin) -> IncomingInstance:
    """What rules ask of an instance, from its file."""
    with file.open("rb") as reader:
        prefix = read_prefix(reader)
        reader.seek(prefix.dataset_offset)
        syntax = prefix.meta.transfer_syntax_uid
        dataset = load_header(reader, syntax)
    return IncomingInstance(
        origin=origin,
        sop_class_uid=str(dataset.get("SOPClassUID") or prefix.meta.sop_class_uid),
        sop_instance_uid=prefix.meta.sop_instance_uid,
        transfer_syntax_uid=syntax,
        size=file.stat().st_size - prefix.dataset_offset,
        attributes={key: str(dataset.get(key) or "") for key in ("Modality", "StationName")},
        load_dataset=dataset.copy,
    )
