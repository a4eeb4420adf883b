"""Which UIDs belong to somebody."""

from __future__ import annotations

import pytest
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from pacs_framework.anonymizers.uids import is_of_an_instance


@pytest.mark.parametrize(
    "keyword",
    [
        *("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"),
        *("ReferencedSOPInstanceUID", "IrradiationEventUID", "DeviceUID", "InstanceCreatorUID"),
        *("DimensionOrganizationUID", "ConcatenationUID", "UID", "StorageMediaFileSetUID"),
    ],
)
def test_uids_of_instances_and_what_belongs_to_them(keyword: str) -> None:
    assert is_of_an_instance(keyword, "1.2.826.0.1.3680043.1")


@pytest.mark.parametrize(
    "keyword",
    [
        *("SOPClassUID", "ReferencedSOPClassUID", "RelatedGeneralSOPClassUID"),
        *("SOPClassesInStudy", "SOPClassesSupported", "PertinentSOPClassesInSeries"),
        *("ManufacturerDeviceClassUID", "AvailableTransferSyntaxUID", "CodingSchemeUID"),
        *("ContextUID", "MappingResourceUID", "ContextGroupExtensionCreatorUID"),
        *("TemplateExtensionOrganizationUID", "PrivateInformationCreatorUID"),
    ],
)
def test_uids_of_standards_even_of_private_ones(keyword: str) -> None:
    """A vendor's SOP class is nobody's."""
    assert not is_of_an_instance(keyword, "1.2.826.0.1.3680043.1")


@pytest.mark.parametrize("uid", [CTImageStorage, ExplicitVRLittleEndian, "1.2.840.10008.1.4.1.1"])
def test_what_the_standard_registers_stays_wherever_it_stands(uid: str) -> None:
    """Such as a well-known frame of reference (PS3.6 Table A-2)."""
    assert not is_of_an_instance("FrameOfReferenceUID", uid)
