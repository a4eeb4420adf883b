"""What dicognito does, and what it needs to be told first."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from pathlib import Path

import pytest
from dicognito.anonymizer import Anonymizer as Alone
from pydantic import ValidationError
from pydicom import Dataset

from pacs_anonymize_dicognito import plugin
from pacs_anonymize_dicognito.anonymizer import DicognitoAnonymizer, offered
from pacs_anonymize_dicognito.settings import DicognitoSettings
from pacs_framework.anonymizers.applying import anonymized
from pacs_framework.errors import NotAnonymized, PluginError
from pacs_framework.testing.instances import make_instance

KEY = bytes(range(32))


def header(**elements: object) -> Dataset:
    image = make_instance(**elements)
    del image.PixelData, image.file_meta
    return image


def answer(anonymizer: DicognitoAnonymizer | None = None, **elements: object) -> Dataset:
    return anonymized(anonymizer or DicognitoAnonymizer(key=KEY), header(**elements))


def alone(**elements: object) -> Dataset:
    image = make_instance(**elements)
    del image.PixelData
    Alone(seed=KEY.hex()).anonymize(image)
    return image


def test_pseudonyms_are_dicognitos_own() -> None:
    """Those of the program with the key as its seed, so that one can go on with the other."""
    elements = {"PatientSex": "F", "AccessionNumber": "A7", "StudyInstanceUID": "1.2.3"}
    ours, theirs = answer(**elements), alone(**elements)
    for keyword in ("PatientName", "PatientID", "AccessionNumber", "StudyInstanceUID", "StudyDate"):
        assert ours[keyword].value == theirs[keyword].value, keyword
    assert ours.DeidentificationMethod == "DICOGNITO"


def test_what_it_leaves_alone_is_why_there_is_more_around_it() -> None:
    """Where one of these changes, there is less for this plugin to do."""
    private = header()
    private.private_block(0x0009, "HOUSE", create=True).add_new(1, "LO", "Doe^Jane")
    private.file_meta = make_instance().file_meta
    Alone(seed="x").anonymize(private)
    assert private[0x00091001].value == "Doe^Jane"
    left = alone(StudyDescription="of Doe", AccessionNumber="", CodingSchemeUID="1.2.3")
    assert "PatientIdentityRemoved" not in left
    assert left.StudyDescription == "of Doe"
    assert left.AccessionNumber != ""
    assert left.CodingSchemeUID != "1.2.3"
    one, other = (alone(IssuerOfPatientID=issuer).PatientID for issuer in ("A", "B"))
    assert one == other


def test_patients_of_two_issuers_stay_two() -> None:
    one, again, other, none = (
        answer(IssuerOfPatientID=issuer).PatientID for issuer in ("A", "A", "B", "")
    )
    assert one == again
    assert len({one, other, none}) == 3


def test_another_key_makes_other_pseudonyms() -> None:
    elements = {"StudyInstanceUID": "1.2.3"}
    one, other = answer(**elements), answer(DicognitoAnonymizer(key=bytes(32)), **elements)
    assert one.PatientID != other.PatientID
    assert one.StudyInstanceUID != other.StudyInstanceUID


def test_what_is_empty_stays_empty() -> None:
    """An accession number made of nothing would be that of all who have none."""
    made = answer(AccessionNumber="", PatientID="", ReferringPhysicianName="")
    assert (made.AccessionNumber, made.PatientID, made.ReferringPhysicianName) == ("", "", "")


def test_uids_of_standards_stay() -> None:
    """Also in attributes that have an instance's most of the time."""
    made = answer(CodingSchemeUID="1.2.3", FrameOfReferenceUID="1.2.840.10008.1.4.1.1")
    assert (made.CodingSchemeUID, made.FrameOfReferenceUID) == ("1.2.3", "1.2.840.10008.1.4.1.1")


def test_days_between_dates_stay() -> None:
    made = answer(StudyDate="20260102", SeriesDate="20260109", StudyTime="", SeriesTime="")
    first, second = (
        dt.datetime.strptime(each, "%Y%m%d").replace(tzinfo=dt.UTC)
        for each in (made.StudyDate, made.SeriesDate)
    )
    assert second - first == dt.timedelta(days=7)
    assert made.StudyDate < "20260102"


def test_a_date_that_is_none_does_not_stop_the_instance() -> None:
    """dicognito alone fails on it."""
    made = answer(StudyDate="20260230", AcquisitionDateTime="20260102+0100")
    assert (made.StudyDate, made.StudyTime, made.AcquisitionDateTime) == ("", "101112", "")
    with pytest.raises(ValueError, match=r"With tag \(0008,0020\)"):
        alone(StudyDate="20260230")


def test_names_in_texts_go_and_other_texts_stay() -> None:
    made = answer(StudyDescription="control of Doe", SeriesDescription="T2 tra")
    assert (made.StudyDescription, made.SeriesDescription) == ("", "T2 tra")


# --- settings ----------------------------------------------------------------------------------


def test_identifiers_have_the_letters_that_are_wanted(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(KEY.hex())
    made = offered(DicognitoSettings(key_file=key, id_prefix="S7", id_suffix="X"))["dicognito"]
    assert made.key == KEY
    identifier = answer(made).PatientID
    assert (identifier[:2], identifier[-1], len(identifier)) == ("S7", "X", 12)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"id_prefix": "ANON", "id_suffix": "1"}, "too few are left to tell patients apart"),
        ({"id_prefix": "a^"}, "should match pattern"),
        ({"burned_in": "maybe"}, "refuse-yes"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, str], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        DicognitoSettings(**settings)


def test_without_a_key_every_instance_is_refused_and_told_why() -> None:
    """It is offered all the same, so that its name is known."""
    made = offered(DicognitoSettings())["dicognito"]
    with pytest.raises(NotAnonymized, match=r"set key_file or key_env in \[plugin\.anonymize-dic"):
        made.anonymize(header())


def test_dicognito_is_imported_with_the_first_instance() -> None:
    code = (
        "import sys\n"
        "from pacs_anonymize_dicognito.plugin import anonymizers\n"
        "from pacs_anonymize_dicognito.settings import DicognitoSettings\n"
        "print(list(anonymizers(settings=DicognitoSettings())), 'dicognito' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['dicognito'] False\n"


# --- in an archive -----------------------------------------------------------------------------


def test_an_archive_offers_it_by_name(pacs_archive, tmp_path: Path) -> None:
    """With the settings of its section."""
    key = tmp_path / "key"
    key.write_text(KEY.hex())
    section = {"key_file": str(key), "burned_in": "refuse-unless-no"}
    running = pacs_archive(
        {"anonymize-dicognito": plugin}, settings={"plugin": {"anonymize-dicognito": section}}
    )
    anonymizer = running.archive.anonymizers["dicognito"]
    made = anonymized(anonymizer, header(BurnedInAnnotation="NO"))
    assert made.PatientID == answer().PatientID
    with pytest.raises(NotAnonymized, match="is not NO"):
        anonymized(anonymizer, header())


def test_a_key_that_is_not_there_stops_the_start(pacs_archive, tmp_path: Path) -> None:
    section = {"key_file": str(tmp_path / "key")}
    with pytest.raises(PluginError, match="cannot be read: No such file"):
        pacs_archive(
            {"anonymize-dicognito": plugin}, settings={"plugin": {"anonymize-dicognito": section}}
        )
