"""An instance at the door: where it comes from, what it says of itself, what hooks may answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_framework.codecs.loss import Loss
from pacs_framework.codecs.syntaxes import LOSSY_METHODS, is_lossless, syntax_name
from pacs_framework.dicom.status import Status, is_failure
from pacs_framework.dicom.uids import UNCOMPRESSED

if TYPE_CHECKING:
    from pacs_framework.anonymizers.pixel_work import PixelWork

__all__ = [
    "Coercion",
    "Compression",
    "IncomingInstance",
    "Origin",
    "Refusal",
    "Rescue",
    "StoreAnswer",
    "origin_text",
]


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


Rescue = Callable[[str, Iterator[bytes | memoryview]], None]
"""Puts an instance aside that the archive does not keep, for answers of ``on_store`` alone.

It is told why, and given the instance as a DICOM file in pieces, byte for byte as it arrived; each
is good until the next one. It is called after all plugins were asked, outside their time budgets.
The instance is refused all the same, whatever it does; what it raises goes to the log.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An answer of ``on_store``: not this instance.

    ``status`` must be a failure; ``reason`` goes to the log and, cut to 64 characters, to the peer
    as Error Comment (0000,0902), so it holds no patient data. ``rescue`` is given what is refused.
    """

    reason: str
    status: int = Status.NOT_AUTHORIZED
    rescue: Rescue | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not is_failure(self.status):
            raise ValueError(f"a refusal needs a failure status, not {self.status:#06x}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Coercion:
    """An answer of ``on_store``: keep the instance with this data set in front of its pixels.

    ``dataset`` is what `IncomingInstance.dataset` gave, changed. Pixel data and whatever follows it
    stay byte for byte as received. ``reason`` goes to the log.

    ``anonymous`` says that the instance is de-identified with it: then of what arrived nothing but
    the pixel data is kept, neither what follows them nor the Part 10 header.

    ``pixels`` is what an anonymizer wants done to the pixels (`anonymous_answer` tells it). It is
    done after all plugins were asked, outside their time budgets; where it cannot be, the instance
    is refused.

    ``rescue`` is given the instance where it cannot be kept with this data set and these pixels.
    """

    dataset: Dataset
    reason: str = ""
    anonymous: bool = False
    pixels: PixelWork | None = None
    rescue: Rescue | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compression:
    """An answer of ``on_store``: keep the instance in the transfer syntax ``to``, a UID.

    Every frame is decoded again and compared with what arrived, before that is dropped. Where
    something fails, the instance is kept as it came, and a warning in the log says why; one without
    pixel data is kept as it came in silence. Without ``loss`` the instance stays the same one, and
    its sender is told SUCCESS. With ``loss`` it becomes a derived one with a SOP Instance UID of
    its own (PS3.3 C.7.6.1.1.5), the same each time it is sent; the sender is told B000H.

    ``coercion`` changes the header at the same time. ``reason`` goes to the log. Raises ValueError
    for a transfer syntax that is not compressed, or whose loss does not fit it.
    """

    to: str
    loss: Loss | None = None
    coercion: Coercion | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        fits = is_lossless(self.to) if self.loss is None else self.to in LOSSY_METHODS
        if self.to in UNCOMPRESSED or not fits:
            how = "without loss" if self.loss is None else f"with {self.loss}"
            raise ValueError(f"to {syntax_name(self.to)} ({self.to!r}) nothing is compressed {how}")


StoreAnswer = Refusal | Coercion | Compression | None
"""What ``on_store`` may answer; None is no objection."""


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
