"""The scan against pydicom on every real file there is."""

from __future__ import annotations

import logging

import pydicom
import pytest
from pydicom.errors import InvalidDicomError
from pydicom.multival import MultiValue
from pydicom.valuerep import PersonName

from pacs_framework.dicom.attributes import INDEXED
from pacs_framework.dicom.rewrite import load_header
from pacs_framework.dicom.scan import decode_attributes, scan_header
from pacs_framework.dicom.walk import PIXEL_DATA_TAGS
from pacs_framework.errors import UnreadableInstance

TRUNCATED = {"rtplan_truncated.dcm", "MR_truncated.dcm"}


def text_of(dataset, keyword):
    value = dataset.get(keyword)
    if value is None:
        return ""
    values = value if isinstance(value, (list, MultiValue)) else [value]
    texts = (
        str(v) if isinstance(v, PersonName) else str(getattr(v, "original_string", v))
        for v in values
    )
    return "\\".join(text.strip(" \0") for text in texts)


@pytest.fixture(scope="module")
def instances(real_files):
    """Path, data set and syntax of the real files that pydicom reads as files of DICOM."""
    found = []
    for path in real_files:
        try:
            found.append((path, pydicom.dcmread(path)))
        except (InvalidDicomError, UnicodeDecodeError, EOFError):
            continue
    return found


@pytest.mark.filterwarnings("ignore")
def test_every_value_that_pydicom_reads_is_what_the_scan_reads(instances, split, caplog):
    caplog.set_level(logging.CRITICAL)
    assert len(instances) > 100
    for path, expected in instances:
        data, syntax = split(path)
        if path.name in TRUNCATED:
            continue
        attributes = decode_attributes(scan_header(data, syntax))
        assert attributes == {k: text_of(expected, k) for k in INDEXED}, path


@pytest.mark.filterwarnings("ignore")
def test_the_offset_of_the_pixel_data_is_where_pydicom_stops(instances, split, caplog):
    caplog.set_level(logging.CRITICAL)
    seen = 0
    for path, expected in instances:
        if path.name in TRUNCATED:
            continue
        data, syntax = split(path)
        offset = scan_header(data, syntax).pixel_data_offset
        has_pixels = any(tag in expected for tag in PIXEL_DATA_TAGS)
        if syntax == pydicom.uid.DeflatedExplicitVRLittleEndian:
            assert offset is None
            continue
        assert (offset is not None) == has_pixels, path
        if offset is not None:
            mark = "big" if syntax == pydicom.uid.ExplicitVRBigEndian else "little"
            group, element = (
                int.from_bytes(data[offset + i : offset + i + 2], mark) for i in (0, 2)
            )
            assert group << 16 | element in PIXEL_DATA_TAGS
            assert len(load_header(data[:offset], syntax)) < len(expected)
            seen += 1
    assert seen > 50


@pytest.mark.parametrize("name", sorted(TRUNCATED))
def test_a_truncated_file_is_found(bundled, name):
    with pytest.raises(UnreadableInstance, match=r"offset .* needs .* bytes more"):
        scan_header(*bundled(name))


def test_a_gzip_trailer_after_a_deflated_data_set_is_borne(bundled):
    scan = scan_header(*bundled("image_dfl.dcm"))
    assert decode_attributes(scan)["Modality"] == "OT"
