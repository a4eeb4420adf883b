"""The laws of DIMSE services, as `pacs plugin check` runs them."""

from __future__ import annotations

import pytest

from pacs_ups.contract import TestUnifiedProcedureStep

__all__ = ["TestUnifiedProcedureStep"]

pytestmark = pytest.mark.pacs_guards
