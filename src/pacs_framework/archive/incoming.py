"""An instance at the door: where it comes from, what it says of itself, what hooks may answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache

from pydicom import Dataset

from pacs_framework.dicom.status import Status, is_failure

__all__ = ["Coercion", "IncomingInstance", "Origin", "Refusal", "origin_text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where an instance comes from; kept in the index and in the change feed.

    ``door`` names the way in: ``dimse``, ``import``, and whatever a plugin's door is called.
    """

    door: str
    calling_aet: str = ""
    called_aet: str = ""
    address: str = ""
    association_id: str = ""
    tls_subject: str = ""

    @classmethod
    def parse(cls, text: str | bytes) -> Origin:
        """What `origin_text` made; raises ValueError for anything else."""
        try:
            return cls(**json.loads(text))
        except TypeError as error:
            raise ValueError("no origin of an instance") from error


@lru_cache(maxsize=1024)
def origin_text(origin: Origin) -> str:
    """An origin as JSON: one for each association, so it is kept."""
    return json.dumps(asdict(origin))


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An answer of ``on_store``: not this instance.

    ``status`` must be a failure; ``reason`` goes to the log and, cut to 64 characters, to the peer
    as Error Comment (0000,0902), so it holds no patient data.
    """

    reason: str
    status: int = Status.NOT_AUTHORIZED

    def __post_init__(self) -> None:
        if not is_failure(self.status):
            raise ValueError(f"a refusal needs a failure status, not {self.status:#06x}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Coercion:
    """An answer of ``on_store``: keep the instance with this data set in front of its pixels.

    ``dataset`` is what `IncomingInstance.dataset` gave, changed. Pixel data and whatever follows it
    stay byte for byte as received. ``reason`` goes to the log.
    """

    dataset: Dataset
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingInstance:
    """What ``on_store`` gets to see.

    ``attributes`` maps the keywords of the indexed attributes to their decoded text (multiple
    values joined by a backslash, empty when absent). ``size`` counts the bytes of the data set.
    """

    origin: Origin
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    size: int
    attributes: Mapping[str, str] = field(repr=False)  # patient data stays out of messages
    load_dataset: Callable[[], Dataset] = field(repr=False)

    def dataset(self) -> Dataset:
        """A fresh copy of the data set up to the pixel data, to read or to change and return."""
        return self.load_dataset()
