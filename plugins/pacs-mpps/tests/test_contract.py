"""The laws of DIMSE services, as `pacs plugin check` runs them."""

from __future__ import annotations

import pytest

from pacs_mpps.contract import TestMpps

__all__ = ["TestMpps"]

pytestmark = pytest.mark.pacs_guards
