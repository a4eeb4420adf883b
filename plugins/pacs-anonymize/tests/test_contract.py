"""The laws of anonymizers, as `pacs plugin check` runs them."""

from __future__ import annotations

import pytest

from pacs_anonymize.contract import TestProfiles, TestRetaining, TestShipped

__all__ = ["TestProfiles", "TestRetaining", "TestShipped"]

pytestmark = pytest.mark.pacs_guards
