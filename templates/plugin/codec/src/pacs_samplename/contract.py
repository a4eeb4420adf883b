"""The laws of codecs, held against this one; run by pytest and by `pacs plugin check`.

The plugin itself does not import this module: pytest is no dependency of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from pacs_framework.codecs.codec import Codec
from pacs_framework.testing.suites.codec import CodecSuite

from pacs_samplename.plugin import codecs

__all__ = ["TestDeflatedFrames"]


class TestDeflatedFrames(CodecSuite):
    """Every law: samples come back, whatever is no frame is told, threads do not disturb."""

    @pytest.fixture
    def codecs(self) -> Sequence[Codec]:
        """As the archive gets them."""
        return codecs()
