"""The contract, and what is this anonymizer's own: the list, the key, a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from pacs_framework.anonymizers.files import anonymize_file
from pacs_framework.errors import ConfigurationError, NotAnonymized
from pacs_framework.testing.instances import Instances
from pydicom import Dataset, dcmread

from pacs_samplename.allow_list import KEPT, MAPPED, AllowList
from pacs_samplename.contract import TestAllowList  # noqa: F401 - collected here
from pacs_samplename.plugin import conformance
from pacs_samplename.settings import Settings

KEY = b"one key for the tests of this file"
ADDED = {"PatientID", "PatientIdentityRemoved", "DeidentificationMethod"}


def image(pacs_instances: Instances, **attributes: str) -> Dataset:
    """An image up to its pixel data, as anonymizers get them."""
    dataset = pacs_instances(**attributes)
    del dataset.PixelData
    return dataset


def test_what_has_a_value_is_on_the_list(pacs_instances: Instances) -> None:
    answer = AllowList(KEY).anonymize(image(pacs_instances, StationName="CT1", KVP="120"))
    assert {each.keyword for each in answer if not each.is_empty} <= KEPT | MAPPED | ADDED
    assert answer.KVP == 120


def test_patients_stay_apart_under_one_key_and_have_other_names_under_another(
    pacs_instances: Instances,
) -> None:
    names = [
        AllowList(key).anonymize(image(pacs_instances, PatientID=patient)).PatientID
        for key in (KEY, KEY[::-1])
        for patient in ("P1", "P2", "P1")
    ]
    assert names[0] == names[2] != names[1]
    assert {*names[:3]}.isdisjoint(names[3:])


def test_without_a_key_nothing_is_let_out(pacs_instances: Instances) -> None:
    with pytest.raises(NotAnonymized, match="no key is configured: set key_file"):
        AllowList(Settings().key()).anonymize(image(pacs_instances))


def test_a_key_that_is_missing_or_short_is_told(tmp_path: Path) -> None:
    file = tmp_path / "key"
    with pytest.raises(ConfigurationError, match="No such file or directory"):
        Settings(key_file=file).key()
    file.write_text("short", "utf-8")
    with pytest.raises(ConfigurationError, match="fewer than 32 bytes; make one with"):
        Settings(key_file=file).key()


def test_the_conformance_statement_tells_of_it_where_there_is_a_key(tmp_path: Path) -> None:
    assert conformance(Settings()) == []
    [remark] = conformance(Settings(key_file=tmp_path / "key"))
    assert "allow list" in str(remark)


def test_a_file_keeps_its_pixels(pacs_instances: Instances, tmp_path: Path) -> None:
    sent = pacs_instances(PatientName="Doe^Jane")
    anonymize_file(AllowList(KEY), pacs_instances.write(sent, tmp_path), tmp_path / "new.dcm")
    written = dcmread(tmp_path / "new.dcm")
    assert written.PixelData == sent.PixelData
    assert written.PatientName == ""
    assert written.SOPInstanceUID == written.file_meta.MediaStorageSOPInstanceUID
    assert b"Doe" not in (tmp_path / "new.dcm").read_bytes()
