"""The laws of anonymizers, held against this one; run by pytest and by `pacs plugin check`.

The plugin itself does not import this module: pytest is no dependency of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from pacs_framework.anonymizers.anonymizer import Anonymizer
from pacs_framework.testing.suites.anonymizer import AnonymizerSuite

from pacs_samplename.plugin import anonymizers
from pacs_samplename.settings import Settings

__all__ = ["TestAllowList"]


class TestAllowList(AnonymizerSuite):
    """Every law: nobody is named, references hold, pixel data stay, whatever comes."""

    @pytest.fixture
    def anonymizers(self, tmp_path: Path) -> Mapping[str, Anonymizer]:
        """As the archive gets them."""
        key_file = tmp_path / "key"
        key_file.write_text("a key for tests, and for nothing else", "utf-8")
        return anonymizers(Settings(key_file=key_file))
