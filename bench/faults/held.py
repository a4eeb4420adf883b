"""What the storage of an archive holds: digests of all data sets, read past the archive.

Run in a process of its own with the archive's plugins: ``python -m bench.faults.held CONFIG``
prints a line of JSON for each object, its SOP Instance UID and the SHA-256 of its data set.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from pacs_framework.app import configure
from pacs_framework.dicom.part10 import read_prefix

__all__ = ["main"]


def main() -> None:
    """List every object of the storage that ``CONFIG`` names."""
    with configure(Path(sys.argv[1]), {}).opened_storage() as storage:
        for found in storage.list():
            with storage.open(found.key) as source:
                data = source.read()
            prefix = read_prefix(data)
            digest = hashlib.sha256(data[prefix.dataset_offset :]).hexdigest()
            print(json.dumps([prefix.meta.sop_instance_uid, digest]))


if __name__ == "__main__":
    main()
