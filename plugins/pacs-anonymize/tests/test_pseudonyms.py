"""Tables of pseudonyms: what a site calls its patients goes before the key, or stops."""

from __future__ import annotations

import csv
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pydicom import Dataset

from pacs_anonymize.engine.anonymizer import ProfileAnonymizer
from pacs_anonymize.engine.options import Option
from pacs_anonymize.engine.patients import Assigned, Unknown
from pacs_anonymize.engine.profile import Profile
from pacs_anonymize.keys import write_new_key
from pacs_anonymize.pseudonyms.csv_file import read_file, write_rows
from pacs_anonymize.pseudonyms.tables import FileTable, VaultTable, import_rows, rows_of
from pacs_anonymize.settings import AnonymizeSettings
from pacs_anonymize.vault.trail import Act
from pacs_anonymize.vault.vault import Vault, create_vault
from pacs_framework.cli.main import main
from pacs_framework.errors import ConfigurationError, NotAnonymized
from pacs_framework.testing.instances import make_instance

KEY = b"k" * 32
ACT = Act(who="tester@here", action="import pseudonyms")
TABLE = """\
patient_id,issuer,pseudonym,name,days
ZKM-4711,CLINIC,T7-001,Trial^One,-100
ZKM-4711,,T7-002,,
4712,*,T7-003,,0
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "patients.csv"
    path.write_text(TABLE)
    return path


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    made = create_vault(str(tmp_path / "vault"), KEY, ACT)
    yield made
    made.close()


Table = FileTable | VaultTable


@pytest.fixture(params=["file", "vault"])
def table(request: pytest.FixtureRequest, file: Path) -> Callable[[Unknown], Table]:
    """The table from a file, and the same one in a vault."""
    if request.param == "file":
        return lambda unknown: FileTable(file, unknown)
    vault: Vault = request.getfixturevalue("vault")
    import_rows(vault, read_file(file), ACT)
    return lambda unknown: VaultTable(vault, unknown)


def anonymizer(table: Table | None, *options: Option) -> ProfileAnonymizer:
    profile = Profile("test", frozenset(options))
    return ProfileAnonymizer(profile, KEY, patients=table)


def patient(patient_id: str, issuer: str = "", **more: object) -> Dataset:
    instance = make_instance(PatientID=patient_id, PatientName="Zuckmayer^Zoe", **more)
    del instance.PixelData
    if issuer:
        instance.IssuerOfPatientID = issuer
    return instance


@pytest.mark.parametrize(
    ("patient_id", "issuer", "expected"),
    [
        ("ZKM-4711", "CLINIC", ("T7-001", "Trial^One")),
        ("ZKM-4711", "", ("T7-002", "T7-002")),
        ("4712", "ANYBODY", ("T7-003", "T7-003")),
        ("4712", "", ("T7-003", "T7-003")),
    ],
)
def test_a_patient_is_called_what_the_table_says(
    table, patient_id: str, issuer: str, expected: tuple[str, str]
) -> None:
    """By Patient ID and its issuer together; the same ID of two issuers is two patients."""
    made = anonymizer(table(Unknown.REFUSE)).anonymize(patient(patient_id, issuer))
    assert (made.PatientID, made.PatientName) == expected


@pytest.mark.parametrize(("patient_id", "issuer"), [("ZKM-4711", "OTHER"), ("471", ""), ("", "")])
def test_who_is_not_in_the_table_is_refused(table, patient_id: str, issuer: str) -> None:
    with pytest.raises(NotAnonymized, match="not in the table of pseudonyms") as raised:
        anonymizer(table(Unknown.REFUSE)).anonymize(patient(patient_id, issuer))
    assert "ZKM" not in str(raised.value)


def test_the_key_names_who_is_not_in_the_table_where_the_site_says_so(table) -> None:
    given = patient("ZKM-4711", "OTHER")
    expected = anonymizer(None).anonymize(patient("ZKM-4711", "OTHER")).PatientID
    assert anonymizer(table(Unknown.KEY)).anonymize(given).PatientID == expected


def test_the_days_of_the_table_go_before_those_of_the_key(table) -> None:
    """And all dates of a patient move by them, so intervals stay."""
    option = Option.RETAIN_LONGITUDINAL_MODIFIED_DATES
    dates = {"StudyDate": "20260501", "AcquisitionDateTime": "20260503101112"}
    made = anonymizer(table(Unknown.REFUSE), option).anonymize(
        patient("ZKM-4711", "CLINIC", **dates)
    )
    assert (made.StudyDate, made.AcquisitionDateTime) == ("20260121", "20260123101112")
    same = anonymizer(table(Unknown.REFUSE), option).anonymize(patient("4712", **dates))
    assert same.StudyDate == "20260501", "0 days are days too"
    keyed = anonymizer(table(Unknown.REFUSE), option).anonymize(patient("ZKM-4711", **dates))
    assert keyed.StudyDate != "20260501"


def test_de_identifying_twice_is_de_identifying_once(table) -> None:
    """Who is called so already, and says so, is left alone: dates too."""
    option = Option.RETAIN_LONGITUDINAL_MODIFIED_DATES
    made = anonymizer(table(Unknown.REFUSE), option)
    once = made.anonymize(patient("ZKM-4711", "CLINIC"))
    before = (once.PatientID, once.PatientName, once.StudyDate, once.SOPInstanceUID)
    twice = made.anonymize(once)
    assert (twice.PatientID, twice.PatientName, twice.StudyDate, twice.SOPInstanceUID) == before


def test_a_patient_whose_own_id_is_a_pseudonym_is_not_taken_for_another(table) -> None:
    with pytest.raises(NotAnonymized):
        anonymizer(table(Unknown.REFUSE)).anonymize(patient("T7-001"))


def test_two_nodes_give_the_same_pseudonyms(table) -> None:
    """An anonymizer that went to another process, with the table, which it opens itself."""
    here = anonymizer(table(Unknown.KEY))
    there = pickle.loads(pickle.dumps(here))
    for patient_id in ("ZKM-4711", "4712", "not there"):
        one, two = (each.anonymize(patient(patient_id)) for each in (here, there))
        assert one.PatientID == two.PatientID
    if isinstance(there._patients, VaultTable):
        there._patients._vault.close()


def test_what_is_imported_counts_at_once(vault: Vault, file: Path) -> None:
    """A running archive knows a patient the moment that somebody added the row."""
    made = anonymizer(VaultTable(vault, Unknown.REFUSE))
    with pytest.raises(NotAnonymized):
        made.anonymize(patient("4712"))
    import_rows(vault, read_file(file), ACT)
    assert made.anonymize(patient("4712")).PatientID == "T7-003"


def test_an_import_that_contradicts_adds_nothing(vault: Vault, file: Path) -> None:
    import_rows(vault, read_file(file), ACT)
    before = rows_of(vault)
    new = Assigned(patient_id="900", pseudonym="T7-900")
    other_name = Assigned(patient_id="4712", issuer="*", pseudonym="T7-999")
    taken = Assigned(patient_id="901", pseudonym="T7-001")
    for wrong in (other_name, taken):
        with pytest.raises(ConfigurationError, match="nothing was imported"):
            import_rows(vault, [new, wrong], ACT)
    assert rows_of(vault) == before
    assert import_rows(vault, [new, *before], ACT) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has the columns none"),
        ("patient_id,name\nA,B\n", "its first line names patient_id, issuer, pseudonym"),
        ("patient_id,pseudonym,sex\nA,B,F\n", "has the columns patient_id, pseudonym, sex"),
        ("patient_id,pseudonym\n", "it has no rows"),
        ("patient_id,pseudonym\n,P1\n", "line 2: patient_id is empty"),
        ("patient_id,pseudonym\nA, \n", "line 2: pseudonym is empty"),
        ("patient_id,pseudonym\nA,P1\nA,P2\n", "line 3: the patient of line 2 again"),
        (
            "patient_id,pseudonym\nA,P1\nB,P1\n",
            "line 3: the pseudonym 'P1' is that of line 2 already",
        ),
        ("patient_id,pseudonym\nA,B\nB,P1\n", "line 2: the pseudonym 'B' is the patient_id of"),
        ("patient_id,pseudonym,days\nA,P1,soon\n", "line 2: days is 'soon', no whole number"),
        ("patient_id,pseudonym\nA,P1,P2\n", "line 2: it has more or fewer values"),
        ("patient_id,pseudonym\nA,Ä1\n", "line 2: pseudonym is not in ASCII"),
        ("patient_id,pseudonym\nA,P\\1\n", "line 2: pseudonym is longer than 64 characters, or"),
        ('patient_id,pseudonym\n"A,P1\n', "unexpected end of data"),
    ],
)
def test_a_table_that_cannot_be_used_is_told_by_line(
    tmp_path: Path, text: str, message: str
) -> None:
    file = tmp_path / "patients.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as raised:
        read_file(file)
    assert message in str(raised.value)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    rows = [
        Assigned(patient_id='A,"1', issuer="Ä", pseudonym="P1", name="One^Two", days=-3),
        Assigned(patient_id="B", pseudonym="P2"),
    ]
    file = tmp_path / "patients.csv"
    file.write_text(write_rows(rows), encoding="utf-8")
    assert read_file(file) == rows


# --- the commands ---------------------------------------------------------------------------------


def pacs(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["anonymize", *map(str, arguments)])


def test_a_table_goes_into_the_vault_and_out_again(tmp_path: Path, file: Path) -> None:
    write_new_key(tmp_path / "key")
    where = ["--map", tmp_path / "v", "--vault-key", tmp_path / "key"]
    assert pacs("vault", "create", *where).exit_code == 0
    assert "3 patients, no findings" in pacs("pseudonyms", "check", file).output
    assert "3 added, 0 were there" in pacs("pseudonyms", "import", file, *where).output
    assert "0 added, 3 were there" in pacs("pseudonyms", "import", file, *where).output
    out = tmp_path / "out.csv"
    done = pacs("pseudonyms", "export", "-o", out, "--reason", "a test", *where)
    assert done.exit_code == 0, done.output
    assert out.stat().st_mode & 0o777 == 0o600
    with out.open(encoding="utf-8") as written:
        rows = {row["pseudonym"]: row["days"] for row in csv.DictReader(written)}
    assert rows == {"T7-001": "-100", "T7-002": "", "T7-003": "0"}
    assert "T7-002" in pacs("pseudonyms", "list", "--reason", "a test", *where).output
    assert "Missing option '--reason'" in pacs("pseudonyms", "list", *where).output
    trail = pacs("vault", "audit", *where).output
    assert "import pseudonyms" in trail
    assert "export pseudonyms" in trail
    assert "list pseudonyms" in trail


def test_files_are_named_by_a_table(tmp_path: Path, file: Path) -> None:
    write_new_key(tmp_path / "key")
    for name, patient_id in (("known", "ZKM-4711"), ("unknown", "900")):
        make_instance(PatientID=patient_id).save_as(tmp_path / name, enforce_file_format=True)
    common = [tmp_path / "known", tmp_path / "unknown", "--key-file", tmp_path / "key"]
    done = pacs(*common, "-o", tmp_path / "one", "--pseudonyms", file)
    assert done.exit_code == 1
    assert "1 written, 1 failed" in done.output
    done = pacs(*common, "-o", tmp_path / "two", "--pseudonyms", file, "--unknown", "key")
    assert "2 written, 0 failed" in done.output


def test_settings_that_say_nothing_useful_are_refused(file: Path) -> None:
    for wrong, message in (
        ({"unknown": "key"}, "unknown says what to do beside a table"),
        ({"vault": True, "file": file}, "the table is in one place only"),
        ({"vault": True}, "no vault is configured"),
        ({"file": file.with_name("missing")}, "cannot be read"),
    ):
        with pytest.raises(ValueError, match=message):
            AnonymizeSettings(pseudonyms=wrong)
