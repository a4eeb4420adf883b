"""The contract that this plugin keeps, as tests; `pacs plugin check` and its own tests run them.

Nothing of the plugin imports this module: pytest is no dependency.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pacs_anonymize_deid.anonymizer import DeidAnonymizer, offered
from pacs_anonymize_deid.recipe import Recipe
from pacs_anonymize_deid.settings import DeidSettings
from pacs_framework.testing.suites.anonymizer import AnonymizerSuite

__all__ = ["TestCareless", "TestDeid"]

_KEY = "00112233445566778899aabbccddeeff" * 2

_CARELESS = """FORMAT dicom
%header
REPLACE select:VR:UI func:new_uid
"""


class TestDeid(AnonymizerSuite):
    """The plugin's own recipe."""

    @pytest.fixture
    def anonymizers(self, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, DeidAnonymizer]:
        """As the archive gets it, with a key of the tests."""
        monkeypatch.setenv("A_KEY_FOR_TESTS", _KEY)
        return offered(DeidSettings(key_env="A_KEY_FOR_TESTS"))


class TestCareless(AnonymizerSuite):
    """A recipe that forgets all but the UIDs; its answers name no person all the same."""

    cleans_text = False
    removes_dates = False
    removes_institutions = False
    removes_devices = False

    @pytest.fixture
    def anonymizers(self) -> dict[str, DeidAnonymizer]:
        """With a key of the tests."""
        recipe = Recipe.parse(_CARELESS, "careless")
        key = bytes.fromhex(_KEY)
        return {"careless": DeidAnonymizer(recipe=recipe, key=key, description="forgets")}
