"""A whole archive whose objects are in a bucket, with DCMTK's programs as its peers."""

from __future__ import annotations

from pacs_framework.testing.suites.bucket_archive import ArchiveSuite


class TestArchive(ArchiveSuite):
    """In a bucket of the stand-in."""
