"""Fuzz the readers of headers by hand: ``python tests/fuzz/fuzz_header.py [corpus folder]``.

Needs atheris, which has no wheels for every Python. The property tests in
``tests/unit/dicom/test_scan_property.py`` hold the same readers to the same law in every run.
"""

from __future__ import annotations

import sys
from contextlib import suppress

from pacs_framework.dicom.part10 import read_prefix
from pacs_framework.dicom.rewrite import convert_uncompressed
from pacs_framework.dicom.scan import decode_attributes, scan_header
from pacs_framework.dicom.uids import IMPLICIT_VR, TRANSFER_SYNTAXES, UNCOMPRESSED
from pacs_framework.errors import UnreadableInstance

try:
    import atheris
except ImportError:
    atheris = None


def one_input(data: bytes) -> None:
    """Only `UnreadableInstance` may come out; the first byte chooses the transfer syntax."""
    syntax = TRANSFER_SYNTAXES[data[0] % len(TRANSFER_SYNTAXES)] if data else IMPLICIT_VR
    with suppress(UnreadableInstance):
        read_prefix(data[1:])
    with suppress(UnreadableInstance):
        decode_attributes(scan_header(data[1:], syntax))
    if syntax in UNCOMPRESSED:
        with suppress(UnreadableInstance):
            b"".join(convert_uncompressed(data[1:], syntax, IMPLICIT_VR))


if __name__ == "__main__":
    if atheris is None:
        sys.exit("fuzz_header: atheris is not installed (pip install atheris, Python 3.11 to 3.13)")
    atheris.instrument_all()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
