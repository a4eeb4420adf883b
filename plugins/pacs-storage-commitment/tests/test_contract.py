"""The laws of DIMSE services, as `pacs plugin check` runs them."""

from __future__ import annotations

import pytest

from pacs_storage_commitment.contract import TestStorageCommitment

__all__ = ["TestStorageCommitment"]

pytestmark = pytest.mark.pacs_guards
