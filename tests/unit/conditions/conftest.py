"""A CT slice with a bit of everything, and who sent it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from pydicom import Dataset
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from pacs_framework.conditions import TEXT, Fact, Facts, Subject, Vocabulary, values_in

VOCABULARY = Vocabulary((Fact("CallingAET", TEXT), Fact("Label", TEXT)))


class SomeFacts:
    """An instance from CT1 with two labels."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def values(self, subject: Subject) -> Sequence[str | None]:
        """As plugins do it."""
        known = {"CallingAET": ["CT1"], "Label": ["teaching", "urgent"]}
        return known[subject.fact] if subject.fact else values_in(self._dataset, subject)


def _instance() -> Dataset:
    request, code = Dataset(), Dataset()
    code.CodeValue = "T-D1100"
    request.ScheduledProcedureStepID = "S1"
    request.RequestedProcedureCodeSequence = [Dataset(), code]
    made = Dataset()
    made.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    made.Modality = "CT"
    made.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    made.StudyDate = "20261122"
    made.StudyTime = "233000.5"
    made.AcquisitionDateTime = "20261122233000"
    made.PatientName = "Doe^John"
    made.PatientID = ""
    made.PatientAge = "017Y"
    made.SliceThickness = "2.50"
    made.InstanceNumber = 0
    made.Rows = 512
    made.StationName = ""
    made.RequestAttributesSequence = [request]
    made.add_new(0x00291010, "UN", b"SPECIAL ")
    made.RedPaletteColorLookupTableData = b"\0\0"
    return made


@pytest.fixture
def instance() -> Dataset:
    """The slice."""
    return _instance()


@pytest.fixture
def vocabulary() -> Vocabulary:
    """Attributes, who sent it, and labels."""
    return VOCABULARY


@pytest.fixture
def facts() -> Callable[[Dataset], Facts]:
    """What is known of an instance."""
    return SomeFacts


@pytest.fixture
def odd() -> Callable[..., Dataset]:
    """What a stranger may send: values as they come out of a file, which nobody has checked."""

    def made(**values: str) -> Dataset:
        raw = Dataset()
        for keyword, value in values.items():
            tag = Tag(keyword)
            content = value.encode()
            raw[tag] = RawDataElement(
                tag, dictionary_VR(tag), len(content), content, 0, False, True
            )
        return raw

    return made
