"""Event reports on a WebSocket (PS3.18 8.10.4, 8.10.5): Open Notification Connection."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pacs_dicomweb.model.datasets import dataset_json
from pacs_http.api import Channel

if TYPE_CHECKING:
    from pacs_dicomweb.ups.contract import EventSource, Report, Workitems

__all__ = ["EventChannel"]

_PUSH = "1.2.840.10008.5.1.4.34.6.1"  # the SOP class of every step (PS3.4 CC.3.1)
_N_EVENT_REPORT_RQ = 0x0100
_HAS_DATASET = 0x0000  # anything but 0101H (PS3.7 E.1)
_MOST_MESSAGES = 1 << 16  # a Message ID has 16 bits


class EventChannel(Channel):
    """The reports to one AE title, each a message of text: a data set in DICOM JSON, with the
    parameters of N-EVENT-REPORT as elements of group 0000 (PS3.7 Table 10.3-1).
    """

    subprotocol: ClassVar[str] = "dicom-events"

    def __init__(self, items: Workitems, aet: str) -> None:
        self._items = items
        self._aet = aet
        self._reports = 0

    def opened(self, ring: Callable[[], None]) -> None:
        """From now on what happens is told here."""
        self._source: EventSource = self._items.open_channel(self._aet, ring)

    def waiting(self) -> Sequence[str]:
        """The reports that wait, in order."""
        return [self._message(each) for each in self._source.waiting()]

    def closed(self) -> None:
        """What was not told waits for the next channel of the AE."""
        self._source.close()

    def _message(self, report: Report) -> str:
        self._reports += 1
        command = {
            "00000002": _element("UI", _PUSH),
            "00000100": _element("US", _N_EVENT_REPORT_RQ),
            "00000110": _element("US", self._reports % _MOST_MESSAGES),
            "00000800": _element("US", _HAS_DATASET),
            "00001000": _element("UI", report.uid),
            "00001002": _element("US", int(report.type)),
        }
        return json.dumps(
            {**command, **json.loads(dataset_json(report.information))}, separators=(",", ":")
        )


def _element(vr: str, value: object) -> dict[str, Any]:
    return {"vr": vr, "Value": [value]}
