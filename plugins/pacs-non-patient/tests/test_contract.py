"""The laws of DIMSE services, as `pacs plugin check` runs them."""

from __future__ import annotations

import pytest

from pacs_non_patient.contract import TestNonPatient

__all__ = ["TestNonPatient"]

pytestmark = pytest.mark.pacs_guards
