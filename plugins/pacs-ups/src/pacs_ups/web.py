"""The steps behind UPS-RS, for the plugin that answers HTTP (hook ``workitems`` of pacs-dicomweb).

It is taken by its methods, so that plugin need not be installed. PS3.4 CC.1 wants both transports
to do the same, which they do because they call the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_ups.bells import channels_of, ring_all
from pacs_ups.channels import EventChannel, EventChannels
from pacs_ups.state.channels import Channels
from pacs_ups.state.searching import answer_to
from pacs_ups.state.steps import Steps
from pacs_ups.state.subscribing import Subscriptions
from pacs_ups.tables import NAME

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_ups.settings import UpsSettings
    from pacs_ups.state.model import Result

__all__ = ["WebSteps", "web_steps"]


@dataclass(frozen=True, slots=True)
class WebSteps:
    """Steps and subscriptions; what is done here rings whoever tells subscribers."""

    steps: Steps
    subscriptions: Subscriptions
    channels: EventChannels
    max_answers: int

    def create(self, uid: str, dataset: Dataset) -> Result:
        """Schedule a step. Raises `StepError`, as all do."""
        return self.steps.create(uid, dataset)

    def retrieve(self, uid: str) -> Dataset:
        """All of a step but the key of its lock."""
        dataset = self.steps.get(uid).dataset
        dataset.pop("TransactionUID", None)
        return dataset

    def update(self, uid: str, modifications: Dataset) -> Result:
        """Set attributes of a step."""
        return self.steps.modify(uid, modifications)

    def change_state(self, uid: str, state: str, transaction_uid: str) -> Result:
        """Claim a step, complete it or cancel it."""
        return self.steps.change_state(uid, state, transaction_uid)

    def request_cancel(self, uid: str, requester: str, reasons: Dataset) -> Result:
        """Have a step canceled that somebody else may perform."""
        return self.steps.request_cancel(uid, requester, reasons)

    def search(self, keys: Dataset) -> Sequence[Dataset]:
        """Each step that matches, with what ``keys`` names."""
        return [answer_to(keys, each.dataset) for each in self.steps.find(keys, self.max_answers)]

    def subscribe(self, uid: str, aet: str, *, lock: bool, keys: Dataset | None) -> Result:
        """Tell an AE of a step, of all, or of those that match ``keys``."""
        return self.subscriptions.subscribe(uid, aet, lock=lock, keys=keys)

    def unsubscribe(self, uid: str, aet: str) -> Result:
        """Tell it no more."""
        return self.subscriptions.unsubscribe(uid, aet)

    def suspend(self, uid: str, aet: str) -> Result:
        """Subscribe it to no new steps."""
        return self.subscriptions.suspend(uid, aet)

    def open_channel(self, aet: str, ring: Callable[[], None]) -> EventChannel:
        """A channel for the reports to an AE; ``ring`` is called when some may wait."""
        return self.channels.open(aet, ring)


def web_steps(archive: Archive, settings: UpsSettings) -> WebSteps:
    """What the hook returns: on the same tables as the DIMSE services."""
    store = archive.tables(NAME)
    rung = partial(ring_all, archive.data)
    channels = EventChannels(Channels(store), store, channels_of(archive.data))
    return WebSteps(
        steps=Steps(store, worklist_label=settings.worklist_label, ring=rung),
        subscriptions=Subscriptions(
            store,
            knows=lambda aet: archive.peers.by_aet(aet) is not None,
            reports=settings.event_reports,
            locks=settings.deletion_locks,
            has_channels=True,
            ring=rung,
        ),
        channels=channels,
        max_answers=settings.max_answers,
    )
