"""The objects of an archive as DICOM files: ``python -m pacs_framework.testing.stored CONFIG TO``.

Everything that the storage lists is written to ``<SOP Instance UID>-<version>.dcm`` in the folder
``TO``, whether the index names it or not. Run in a process of its own, with the plugins of the
archive.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pacs_framework.app import configure
from pacs_framework.dicom.part10 import read_prefix

__all__ = ["copy_objects"]


def copy_objects(config: Path, target: Path) -> None:
    """Write every object of the configured storage into ``target``, which is made."""
    target.mkdir(parents=True)
    with configure(config, {}).opened_storage() as storage:
        for found in storage.list():
            with storage.open(found.key) as source:
                data = source.read()
            uid = read_prefix(data).meta.sop_instance_uid
            (target / f"{uid}-{storage.version_of(found.key)}.dcm").write_bytes(data)


if __name__ == "__main__":
    copy_objects(Path(sys.argv[1]), Path(sys.argv[2]))
