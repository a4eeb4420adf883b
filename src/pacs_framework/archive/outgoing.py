"""An instance on its way out: who is to get it, what it says of itself, what hooks may answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pydicom import Dataset

from pacs_framework.archive.incoming import Coercion, Refusal

__all__ = ["OutgoingInstance", "Recipient", "RetrieveAnswer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Who gets instances, and who asked for it.

    ``door`` names the way out: ``get``, ``move``, and whatever a plugin's door is called. ``aet``
    is the AE title of the node that receives: of the requestor in a C-GET, of the move destination
    in a C-MOVE. ``calling_aet``, ``called_aet``, ``address`` and ``tls_subject`` are those of the
    association by which it was asked for; empty where nobody asked, as in forwarding. An AE title
    is what a node calls itself: nothing proves it but TLS.
    """

    door: str
    aet: str
    calling_aet: str = ""
    called_aet: str = ""
    address: str = ""
    association_id: str = ""
    tls_subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingInstance:
    """What ``on_retrieve`` gets to see.

    UIDs and transfer syntax are those that are stored, the patient is as it was corrected last.
    ``size`` counts the bytes of the stored object. ``attributes`` maps the keywords of the indexed
    attributes to their decoded text (multiple values joined by a backslash, empty when absent). It
    reads the stored header when it is first looked into, as `dataset` does, so look at the other
    fields first.
    """

    recipient: Recipient
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    size: int
    attributes: Mapping[str, str] = field(repr=False)  # patient data stays out of messages
    load_dataset: Callable[[], Dataset] = field(repr=False)

    def dataset(self) -> Dataset:
        """A fresh copy of the data set up to the pixel data, to read or to change and return."""
        return self.load_dataset()


RetrieveAnswer = Refusal | Coercion | None
"""What ``on_retrieve`` may answer; None sends the instance as it is stored."""
