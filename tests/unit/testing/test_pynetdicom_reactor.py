"""pynetdicom's requestor: no answer is taken from the one who waits for it."""

from __future__ import annotations

import time
from typing import Any

import pytest
from pynetdicom import AE, build_context
from pynetdicom.sop_class import Verification

from pacs_framework.testing.factories import Archives
from pacs_framework.testing.pynetdicom_reactor import Checkpoint

_LATE = 0.02  # seconds


class LateToWake(Checkpoint):
    """The thread that waits here goes on late, as on a busy machine."""

    def wait(self, timeout: float | None = None) -> bool:
        came = super().wait(timeout)
        time.sleep(_LATE)
        return came


def test_requests_that_follow_each_other_all_get_their_answers(
    pacs_archive: Archives, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the mending, the second one here waits in vain."""
    import pacs_verification.plugin  # noqa: PLC0415 - a sibling distribution

    running = pacs_archive({"verification": pacs_verification.plugin})
    monkeypatch.setattr("pacs_framework.testing.pynetdicom_reactor.Checkpoint", LateToWake)
    ae = AE()
    ae.dimse_timeout = 2
    association = ae.associate(running.host, running.port, contexts=[build_context(Verification)])
    get = association.dimse.get_msg

    def get_later(block: bool = False) -> Any:
        """Who asked is still later than the thread of the association."""
        time.sleep(5 * _LATE if block else 0)
        return get(block)

    monkeypatch.setattr(association.dimse, "get_msg", get_later)
    statuses = [association.send_c_echo().get("Status") for _ in range(5)]
    association.release()
    assert statuses == [0] * 5
