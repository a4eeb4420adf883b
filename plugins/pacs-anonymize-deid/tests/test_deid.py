"""What recipes do here, and what deid does not do to the process."""

from __future__ import annotations

import datetime as dt
import gc
import subprocess
import sys
import weakref
from pathlib import Path

import pytest
from pydantic import ValidationError
from pydicom import Dataset

from pacs_anonymize_deid import plugin
from pacs_anonymize_deid.anonymizer import DeidAnonymizer, offered
from pacs_anonymize_deid.recipe import Recipe
from pacs_anonymize_deid.settings import DeidSettings
from pacs_framework.anonymizers.applying import anonymized
from pacs_framework.errors import ConfigurationError, NotAnonymized, PluginError
from pacs_framework.testing.instances import make_instance

KEY = bytes(range(32))
UIDS = "REPLACE select:VR:UI func:new_uid"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(KEY.hex())
    return path


@pytest.fixture
def own(key_file: Path) -> DeidAnonymizer:
    """With the plugin's own recipe."""
    return offered(DeidSettings(key_file=key_file))["deid"]


def by(*actions: str, key: bytes = KEY) -> DeidAnonymizer:
    text = "\n".join(("FORMAT dicom", "%header", *actions))
    return DeidAnonymizer(recipe=Recipe.parse(text, "test"), key=key)


def header(**elements: object) -> Dataset:
    image = make_instance(**elements)
    del image.PixelData, image.file_meta
    return image


def answer(anonymizer: DeidAnonymizer, **elements: object) -> Dataset:
    return anonymized(anonymizer, header(**elements))


def day(text: str) -> dt.date:
    return dt.date(int(text[:4]), int(text[4:6]), int(text[6:8]))


# --- what recipes may say ----------------------------------------------------------------------


def test_actions_are_carried_out_in_sequences_too() -> None:
    image, item = header(StudyDescription="x"), Dataset()
    item.SeriesDescription, item.PatientAge = "y", "044Y"
    item.SOPInstanceUID = image.SOPInstanceUID
    image.RequestAttributesSequence = [item]
    made = anonymized(
        by(UIDS, "REMOVE PatientAge", "BLANK endswith:Description", "ADD PatientSex O"), image
    )
    (inner,) = made.RequestAttributesSequence
    assert (made.StudyDescription, inner.SeriesDescription, made.PatientSex) == (None, None, "O")
    assert "PatientAge" not in inner
    assert inner.SOPInstanceUID == made.SOPInstanceUID
    assert made.DeidentificationMethod == "deid, recipe test"


def test_pseudonyms_depend_on_the_key_and_on_nothing_else() -> None:
    actions = (UIDS, "REPLACE PatientID func:pseudonym", "REPLACE PatientName func:pseudonym")
    elements = {"SOPInstanceUID": "1.2.3", "PatientName": "Doe^Jane"}
    one, again = (answer(by(*actions), **elements) for _ in range(2))
    other = answer(by(*actions, key=bytes(32)), **elements)
    for keyword in ("PatientID", "PatientName", "SOPInstanceUID"):
        assert one[keyword].value == again[keyword].value
        assert one[keyword].value != other[keyword].value
    assert str(one.PatientName).startswith("Anon^")
    assert one.SOPInstanceUID.startswith("2.25.")


def test_patients_of_two_issuers_stay_two() -> None:
    anonymizer = by(UIDS, "REPLACE PatientID func:pseudonym")
    one, again, other = (
        answer(anonymizer, IssuerOfPatientID=issuer).PatientID for issuer in ("A", "A", "B")
    )
    assert one == again != other


def test_each_of_several_values_gets_its_own() -> None:
    anonymizer = by(
        UIDS, "REPLACE OtherPatientIDs func:pseudonym", "REPLACE StudyID func:pseudonym"
    )
    made = answer(anonymizer, OtherPatientIDs=["X1", "X2", "X1"], StudyID="")
    first, second, third = made.OtherPatientIDs
    assert first == third != second
    assert made.StudyID == ""


def test_uids_of_standards_stay() -> None:
    before = header(FrameOfReferenceUID="1.2.840.10008.1.4.1.1")
    made = anonymized(by(UIDS), before)
    assert made.FrameOfReferenceUID == "1.2.840.10008.1.4.1.1"
    assert made.SOPClassUID == before.SOPClassUID


@pytest.mark.parametrize(
    ("action", "told"),
    [
        ("REPLACE StudyDate func:pseudonym", r"cannot replace \(0008,0020\): its VR is DA"),
        ("REPLACE StudyID func:new_uid", r"cannot replace \(0020,0010\): its VR is SH"),
    ],
)
def test_a_function_for_another_vr_is_told(action: str, told: str) -> None:
    with pytest.raises(NotAnonymized, match=told):
        answer(by(UIDS, action), StudyID="7")


def test_days_between_the_dates_of_a_patient_stay() -> None:
    """And others' are moved by another number."""
    anonymizer = by(UIDS, "JITTER select:VR:DA var:days_back")
    made = answer(anonymizer, StudyDate="20260102", SeriesDate="20260109")
    other = answer(anonymizer, StudyDate="20260102", PatientID="P2")
    assert day(made.SeriesDate) - day(made.StudyDate) == dt.timedelta(days=7)
    assert dt.timedelta(62) <= day("20260102") - day(made.StudyDate) <= dt.timedelta(730)
    assert made.StudyDate != other.StudyDate


@pytest.mark.parametrize(
    ("given", "moved"),
    [
        ("20260109", "20260102000000.000000"),
        ("2026010910", "20260102100000.000000"),
        ("20260109101112+0100", "20260102101112.000000+0100"),
        ("20260109101112.5", "20260102101112.500000"),
        ("2026", ""),
    ],
)
def test_moments_of_every_precision_are_moved(given: str, moved: str) -> None:
    """deid fails on some, and takes the day that 2026 lacks from today's date."""
    made = answer(by(UIDS, "JITTER AcquisitionDateTime -7"), AcquisitionDateTime=given)
    assert made.AcquisitionDateTime == moved


def test_moments_stay_as_they_are_where_nothing_is_moved() -> None:
    made = answer(by(UIDS), AcquisitionDateTime="2026010910")
    assert made.AcquisitionDateTime == "2026010910"


def test_what_a_recipe_forgets_names_nobody() -> None:
    made = answer(by(UIDS), StudyDescription="control of Doe", SeriesDescription="T2")
    assert (made.PatientName, made.StudyDescription, made.SeriesDescription) == ("", "", "T2")


def test_a_recipe_that_leaves_the_uids_is_refused() -> None:
    """It would make a second instance of the same name."""
    with pytest.raises(NotAnonymized) as caught:
        answer(by("REPLACE PatientID func:pseudonym"))
    assert str(caught.value) == (
        "the instance cannot be de-identified: the recipe 'test' leaves SOPInstanceUID as it is; "
        "let it REPLACE select:VR:UI func:new_uid"
    )


def test_its_own_recipe_makes_pseudonyms_and_leaves_no_text(own: DeidAnonymizer) -> None:
    made = answer(
        own,
        PatientBirthDate="19700412",
        StudyDescription="thorax",
        StationName="CT1",
        AccessionNumber="A7",
        SliceThickness="2.5",
    )
    assert str(made.PatientName).startswith("Anon^")
    assert len(made.PatientID) == len(made.AccessionNumber) == 16
    assert made["PatientBirthDate"].is_empty
    assert made["StudyDescription"].is_empty
    assert "StationName" not in made
    assert made.SliceThickness == 2.5


# --- what stays out of the process -------------------------------------------------------------


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


def test_deid_is_imported_with_the_first_instance_and_matplotlib_never() -> None:
    """Whoever imports deid afterwards has all of it."""
    assert run(
        "import sys\n"
        "from pacs_anonymize_deid.plugin import anonymizers\n"
        "from pacs_anonymize_deid.settings import DeidSettings\n"
        "print(list(anonymizers(settings=DeidSettings())), 'deid' in sys.modules)\n"
        "import pacs_anonymize_deid.library\n"
        "print('deid' in sys.modules, 'matplotlib' in sys.modules, 'deid.dicom' in sys.modules)\n"
    ).splitlines() == ["['deid'] False", "True False False"]


def test_nothing_is_told_of_what_it_meets() -> None:
    """deid alone warns of an empty list, and tells values that it cannot use."""
    text = f"FORMAT dicom\n%values none\nFIELD PatientAge\n%header\n{UIDS}\nBLANK values:none\n"
    assert run(
        "from pacs_anonymize_deid.anonymizer import DeidAnonymizer\n"
        "from pacs_anonymize_deid.recipe import Recipe\n"
        "from pacs_framework.testing.instances import make_instance\n"
        f"recipe = Recipe.parse({text!r}, 'test')\n"
        "made = DeidAnonymizer(recipe=recipe, key=b'k').anonymize(make_instance())\n"
        "print(made.PatientIdentityRemoved)\n"
    ).splitlines() == ["YES"]


def test_no_data_set_is_kept(own: DeidAnonymizer) -> None:
    """deid has a cache that never ends."""
    made = answer(own)
    gone = weakref.ref(made)
    del made
    gc.collect()
    assert gone() is None


# --- settings ----------------------------------------------------------------------------------


def test_recipes_are_anonymizers_by_their_names(key_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "research.deid"
    path.write_text(f"FORMAT dicom\n%header\n{UIDS}\n")
    made = offered(DeidSettings(key_file=key_file, recipes={"research": path}))
    assert list(made) == ["deid", "research"]
    assert made["research"].description == "deid: the recipe research.deid"
    assert answer(made["research"]).DeidentificationMethod == "deid, recipe research"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("deid", UIDS, "'deid', which is the name of the plugin's own"),
        ("gone", None, "the recipe 'gone' of deid, .* cannot be read: .*No such file"),
        ("bad", "REMOVE Nmae", "the recipe 'bad' of deid cannot be used:\n  line 3: the standard"),
    ],
)
def test_a_recipe_that_cannot_be_used_stops_the_start(
    tmp_path: Path, name: str, content: str | None, told: str
) -> None:
    path = tmp_path / "recipe"
    if content is not None:
        path.write_text(f"FORMAT dicom\n%header\n{content}\n")
    with pytest.raises(ConfigurationError, match=told):
        offered(DeidSettings(recipes={name: path}))


def test_a_name_that_is_none_is_told() -> None:
    with pytest.raises(ValidationError, match="should match pattern"):
        DeidSettings(recipes={"with space": "x"})


def test_without_a_key_every_instance_is_refused_and_told_why() -> None:
    made = offered(DeidSettings())["deid"]
    with pytest.raises(
        NotAnonymized, match=r"set key_file or key_env in \[plugin\.anonymize-deid\]"
    ):
        made.anonymize(header())


# --- in an archive -----------------------------------------------------------------------------


def test_an_archive_offers_recipes_by_name(pacs_archive, key_file: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "research.deid"
    recipe.write_text(f"FORMAT dicom\n%header\n{UIDS}\nREPLACE PatientID func:pseudonym\n")
    section = {"key_file": str(key_file), "recipes": {"research": str(recipe)}}
    running = pacs_archive(
        {"anonymize-deid": plugin}, settings={"plugin": {"anonymize-deid": section}}
    )
    offers = {each.name: each.plugin for each in running.archive.anonymizers}
    assert offers == {"deid": "anonymize-deid", "research": "anonymize-deid"}
    made = anonymized(running.archive.anonymizers["research"], header(PatientID="P1"))
    assert made.PatientIdentityRemoved == "YES"
    assert made.PatientID not in ("", "P1")


def test_a_bad_recipe_stops_the_archive(pacs_archive, key_file: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "bad.deid"
    recipe.write_text("FORMAT dicom\n%header\nremove PatientID\n")
    section = {"key_file": str(key_file), "recipes": {"bad": str(recipe)}}
    with pytest.raises(PluginError, match="'remove' is none of ADD"):
        pacs_archive({"anonymize-deid": plugin}, settings={"plugin": {"anonymize-deid": section}})
