"""What an image says of itself after it was compressed with loss: a derived one, of another UID.

PS3.3 C.7.6.1.1.2 (Image Type), C.7.6.1.1.3 and .4 (derivation), C.7.6.1.1.5 (lossy compression);
for multi-frame images C.7.6.16.2.6 (derivation of frames) and C.12.2 (references to instances).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from pydicom import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.uid import UID

from pacs_framework.codecs.loss import Loss
from pacs_framework.codecs.syntaxes import LOSSY_METHODS, syntax_name

__all__ = ["Derivation", "derived_uid"]

_DERIVED = "DERIVED"
_LOSSY = "01"
_LONGEST_TEXT = 1024  # characters of VR ST
_SEPARATOR = "; "

# Code values and meanings of PS3.16 CID 7203 (image derivation) and CID 7202 (source image
# purposes of reference).
_LOSSY_COMPRESSION = ("113040", "Lossy Compression")
_UNCOMPRESSED_PREDECESSOR = ("121320", "Uncompressed predecessor")
_LOSSY_PREDECESSOR = ("121330", "Lossy compressed predecessor")

# True of the image that was there, and not known, or not so, of the one that is made of it.
_OF_THE_SOURCE = (
    "InstanceCreationDate",
    "InstanceCreationTime",
    "InstanceCreatorUID",
    "SmallestImagePixelValue",
    "LargestImagePixelValue",
)


def derived_uid(sop_instance_uid: str, transfer_syntax: str, loss: Loss) -> str:
    """The SOP Instance UID of what is made of an instance by this compression (PS3.5 B.2).

    The same each time, so that an instance that is sent again is known again.
    """
    name = f"{sop_instance_uid} {transfer_syntax} {loss}"
    return f"2.25.{uuid5(NAMESPACE_OID, name).int}"


@dataclass(frozen=True, slots=True)
class Derivation:
    """One compression with loss, to ``transfer_syntax``, a key of `LOSSY_METHODS`."""

    transfer_syntax: str
    loss: Loss

    def describe(self, header: Dataset, ratio: float) -> None:
        """Make ``header`` that of the derived image; ``ratio`` is bytes before over bytes after.

        What it says of earlier derivations and compressions stays in front of this one.
        """
        source = _reference(header)
        header.SOPInstanceUID = UID(
            derived_uid(str(header.get("SOPInstanceUID") or ""), self.transfer_syntax, self.loss)
        )
        header.ImageType = _derived_type(header.get("ImageType"))
        header.LossyImageCompression = _LOSSY
        _append(header, "LossyImageCompressionRatio", f"{ratio:.6g}")
        _append(header, "LossyImageCompressionMethod", LOSSY_METHODS[self.transfer_syntax])
        for keyword in _OF_THE_SOURCE:
            if keyword in header:
                delattr(header, keyword)
        self._describe_frames(header, source, ratio)

    def _describe_frames(self, header: Dataset, source: Dataset, ratio: float) -> None:
        """In the functional groups where the image has such, else in the image itself."""
        shared = header.get("SharedFunctionalGroupsSequence") or ()
        each_frame = header.get("PerFrameFunctionalGroupsSequence") or ()
        if not shared:
            self._record(header, source, ratio)
            return
        for group in (*shared, *each_frame):
            _derive_frame_type(group)
        # A group is shared or one for each frame, never both (C.7.6.16.1.1).
        having = [group for group in each_frame if "DerivationImageSequence" in group]
        for group in having or shared:
            item = Dataset()
            self._record(item, source, ratio)
            _extend(group, "DerivationImageSequence", item)
        _list_reference(header, source)

    def _record(self, into: Dataset, source: Dataset, ratio: float) -> None:
        text = f"{syntax_name(self.transfer_syntax)}, {self.loss}, {ratio:.3g}:1"
        before = str(into.get("DerivationDescription") or "")
        both = f"{before}{_SEPARATOR}{text}" if before else text
        if len(both) <= _LONGEST_TEXT:
            into.DerivationDescription = both
        _extend(into, "DerivationCodeSequence", _code(*_LOSSY_COMPRESSION))
        _extend(into, "SourceImageSequence", deepcopy(source))


def _reference(header: Dataset) -> Dataset:
    """The image that ``header`` is of, as the source of another one (Table 10-3)."""
    lossy = str(header.get("LossyImageCompression") or "") == _LOSSY
    item = Dataset()
    item.ReferencedSOPClassUID = header.get("SOPClassUID") or ""
    item.ReferencedSOPInstanceUID = header.get("SOPInstanceUID") or ""
    purpose = _code(*(_LOSSY_PREDECESSOR if lossy else _UNCOMPRESSED_PREDECESSOR))
    item.PurposeOfReferenceCodeSequence = Sequence([purpose])
    return item


def _list_reference(header: Dataset, source: Dataset) -> None:
    """Name the source in the Common Instance Reference module of an enhanced image (C.12.2)."""
    instance = Dataset()
    instance.ReferencedSOPClassUID = source.ReferencedSOPClassUID
    instance.ReferencedSOPInstanceUID = source.ReferencedSOPInstanceUID
    uid = str(header.get("SeriesInstanceUID") or "")
    for listed in header.get("ReferencedSeriesSequence") or ():
        if str(listed.get("SeriesInstanceUID") or "") == uid:
            _extend(listed, "ReferencedInstanceSequence", instance)
            return
    series = Dataset()
    series.SeriesInstanceUID = UID(uid)
    series.ReferencedInstanceSequence = Sequence([instance])
    _extend(header, "ReferencedSeriesSequence", series)


def _code(value: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "DCM", meaning
    return code


def _values(value: Any) -> list[str]:
    if value is None or value == "":
        return []
    several = isinstance(value, MultiValue | list | tuple)
    return [str(each) for each in (value if several else [value])]


def _derived_type(value: Any) -> list[str]:
    """Value 1 is DERIVED; an image without a type is no direct result of an examination."""
    _, *others = _values(value) or ("", "SECONDARY")
    return [_DERIVED, *others]


def _derive_frame_type(group: Dataset) -> None:
    """Frame Type (0008,9007), in whichever sequence this kind of image has it."""
    for item in _items_of(group):
        if "FrameType" in item:
            item.FrameType = _derived_type(item.FrameType)


def _items_of(group: Dataset) -> Iterator[Dataset]:
    for element in group:
        if element.VR == "SQ":
            items: Iterable[Dataset] = element.value
            yield from items


def _append(header: Dataset, keyword: str, value: str) -> None:
    setattr(header, keyword, [*_values(header.get(keyword)), value])


def _extend(dataset: Dataset, keyword: str, item: Dataset) -> None:
    setattr(dataset, keyword, Sequence([*(dataset.get(keyword) or ()), item]))
