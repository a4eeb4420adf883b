"""The contract that this plugin keeps, as tests; `pacs plugin check` and its own tests run them.

Nothing of the plugin imports this module: pytest is no dependency.
"""

from __future__ import annotations

import pytest

from pacs_anonymize_dicognito.anonymizer import DicognitoAnonymizer
from pacs_framework.testing.suites.anonymizer import AnonymizerSuite

__all__ = ["TestDicognito"]


class TestDicognito(AnonymizerSuite):
    """With and without letters around the identifiers.

    dicognito keeps descriptions and comments, and what identifies a device.
    """

    cleans_text = False
    removes_devices = False

    @pytest.fixture
    def anonymizers(self) -> dict[str, DicognitoAnonymizer]:
        """As the archive gets them, with a key of the tests."""
        key = bytes(range(32))
        return {
            "plain": DicognitoAnonymizer(key=key),
            "study": DicognitoAnonymizer(key=key, id_prefix="AB", id_suffix="01"),
        }
