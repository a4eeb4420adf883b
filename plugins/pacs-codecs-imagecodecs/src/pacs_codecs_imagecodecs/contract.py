"""The contract that this plugin keeps, as tests; `pacs plugin check` and its own tests run them.

Nothing of the plugin imports this module: pytest is no dependency.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pacs_codecs_imagecodecs.codecs import available
from pacs_framework.codecs.codec import Codec
from pacs_framework.testing.suites.codec import CodecSuite

__all__ = ["TestCodecs"]


class TestCodecs(CodecSuite):
    """Every codec of the library."""

    @pytest.fixture
    def codecs(self) -> Sequence[Codec]:
        """As the archive gets them."""
        return available()
