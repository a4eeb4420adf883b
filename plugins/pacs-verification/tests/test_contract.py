"""The laws of DIMSE services, as `pacs plugin check` runs them."""

from __future__ import annotations

import pytest

from pacs_verification.contract import TestVerification

__all__ = ["TestVerification"]

pytestmark = pytest.mark.pacs_guards
