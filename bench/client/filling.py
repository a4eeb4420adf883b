"""Storing the studies of `bench.fill` over the wire, for a peer whose index is its own affair."""

from __future__ import annotations

from functools import partial

from pydicom import Dataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, MRImageStorage

from bench import fill
from bench.client import encode
from bench.client.storing import store_all
from bench.client.tasks import CALLING, Address
from bench.data import encoded
from pacs_framework.index.entry import Entry

__all__ = ["store_studies"]

_ASSOCIATIONS = 4
_CLASSES = (CTImageStorage, MRImageStorage)


def store_studies(address: Address, studies: int) -> int:
    """Store every image of ``studies`` studies, headers without pixels; their number."""
    made = list(fill.entries(range(studies)))
    contexts = [
        encode.Context(2 * n + 1, uid, (ExplicitVRLittleEndian,)) for n, uid in enumerate(_CLASSES)
    ]
    request = encode.associate_request(CALLING, address.aet, contexts)
    plans = []
    for n in range(_ASSOCIATIONS):
        plan = [partial(_message, entry) for entry in made[n::_ASSOCIATIONS]]
        plans.append(partial(_known, plan))
    return store_all([address.pair], request, plans)


def _known(plan: list[partial[encode.Buffers]], _max_pdu: int) -> list[partial[encode.Buffers]]:
    return plan


def _message(entry: Entry) -> encode.Buffers:
    sop_class = entry.attributes["SOPClassUID"]
    context_id = 2 * _CLASSES.index(UID(sop_class)) + 1
    command = encode.store_request(1, sop_class, entry.attributes["SOPInstanceUID"])
    dataset = _dataset(entry)
    return encode.message(context_id, command, [dataset], len(dataset))


def _dataset(entry: Entry) -> bytes:
    dataset = Dataset()
    for keyword, value in entry.attributes.items():
        if value:
            setattr(dataset, keyword, value)
    return encoded(dataset)
