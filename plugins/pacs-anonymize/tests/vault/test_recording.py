"""What leads back is kept before anything goes on: of every anonymizer, also when power fails."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pydicom
import pytest
from click.testing import CliRunner, Result
from pydicom import Dataset

from pacs_anonymize.engine.anonymizer import ProfileAnonymizer
from pacs_anonymize.engine.options import Option
from pacs_anonymize.engine.profile import Profile
from pacs_anonymize.keys import write_new_key
from pacs_anonymize.on_store import judge
from pacs_anonymize.settings import AnonymizeSettings, StoreRule
from pacs_anonymize.vault.entries import Entry, Kind, identity_of
from pacs_anonymize.vault.keeping import Keeper
from pacs_anonymize.vault.recording import Remembering
from pacs_anonymize.vault.trail import Act
from pacs_anonymize.vault.vault import Vault, create_vault
from pacs_framework.anonymizers.anonymizer import Anonymizer
from pacs_framework.anonymizers.registry import AnonymizerRegistry
from pacs_framework.archive.incoming import IncomingInstance, Origin, Refusal
from pacs_framework.cli.main import main
from pacs_framework.errors import NotAnonymized
from pacs_framework.testing.forked import run_module
from pacs_framework.testing.instances import make_instance

KEY = b"k" * 32
ACT = Act(who="tester@here", action="create")


def identified(**more: object) -> Dataset:
    given = {"PatientName": "Zuckmayer^Zoe", "PatientID": "ZKM-4711", **more}
    instance = make_instance(IssuerOfPatientID="CLINIC", AccessionNumber="ACC-1", **given)
    del instance.PixelData
    item = Dataset()
    item.ReferencedSOPClassUID = instance.SOPClassUID
    item.ReferencedSOPInstanceUID = "1.2.3.4"
    instance.ReferencedImageSequence = [item]
    return instance


class Kept(list[Entry]):
    """Takes entries."""

    def __call__(self, entries: Sequence[Entry]) -> None:
        self.extend(entries)

    def knows(self, entry: Entry) -> bool:
        return False

    def of(self, kind: Kind) -> dict[str, str]:
        return {entry.pseudonym: entry.original for entry in self if entry.kind is kind}


def test_all_that_was_replaced_leads_back() -> None:
    kept = Kept()
    before = identified(FrameOfReferenceUID="1.2.9")
    old = {key: str(before[key].value) for key in ("SOPInstanceUID", "StudyInstanceUID")}
    profile = Profile("test", frozenset({Option.RETAIN_LONGITUDINAL_MODIFIED_DATES}))
    after = Remembering(ProfileAnonymizer(profile, KEY), kept).anonymize(before)
    assert isinstance(after, Dataset)
    assert kept.of(Kind.PATIENT) == {after.PatientID: identity_of("CLINIC", "ZKM-4711")}
    assert kept.of(Kind.STUDY) == {after.StudyInstanceUID: old["StudyInstanceUID"]}
    uids = kept.of(Kind.UID)
    assert uids[after.SOPInstanceUID] == old["SOPInstanceUID"]
    assert uids[after.FrameOfReferenceUID] == "1.2.9"
    assert after.SOPClassUID not in uids
    (days,) = kept.of(Kind.DAYS).values()
    assert int(days) < 0
    facts = json.loads(next(entry.facts for entry in kept if entry.kind is Kind.STUDY))
    assert Dataset.from_json(facts["study"]).AccessionNumber == "ACC-1"
    assert Dataset.from_json(facts["patient"]).PatientName == "Zuckmayer^Zoe"


def test_what_has_been_through_before_is_not_kept_as_an_original() -> None:
    """Else the vault would lead back to a pseudonym."""
    anonymizer = ProfileAnonymizer(Profile("test"), KEY)
    once = anonymizer.anonymize(identified())
    kept = Kept()
    Remembering(anonymizer, kept).anonymize(once)
    assert kept == []


class Strange(Anonymizer):
    """Of another plugin: a counter for a patient, new UIDs by a prefix."""

    description = "strange"

    def __init__(self, **fixed: str) -> None:
        self.fixed = fixed

    def anonymize(self, dataset: Dataset) -> Dataset:
        for element in dataset.iterall():
            if element.VR == "UI" and "Class" not in element.keyword:
                element.value = f"2.999.{element.value}"[:64]
        dataset.PatientID, dataset.PatientName = "P-1", "P-1"
        for keyword, value in self.fixed.items():
            setattr(dataset, keyword, value)
        dataset.PatientIdentityRemoved, dataset.DeidentificationMethod = "YES", "strangely"
        return dataset


def test_anonymizers_of_others_lead_back_as_well() -> None:
    kept = Kept()
    Remembering(Strange(), kept).anonymize(identified(SOPInstanceUID="1.2.5"))
    assert kept.of(Kind.PATIENT) == {"P-1": identity_of("CLINIC", "ZKM-4711")}
    assert kept.of(Kind.UID)["2.999.1.2.5"] == "1.2.5"
    assert kept.of(Kind.UID)["2.999.1.2.3.4"] == "1.2.3.4"


@pytest.mark.parametrize(
    ("fixed", "message"),
    [
        ({"PatientID": ""}, "it has no Patient ID"),
        ({"SOPInstanceUID": "2.999.1", "SeriesInstanceUID": "2.999.1"}, "it gives two UIDs one"),
    ],
)
def test_what_would_not_lead_back_is_refused(fixed: dict[str, str], message: str) -> None:
    kept = Kept()
    with pytest.raises(NotAnonymized, match=message):
        Remembering(Strange(**fixed), kept).anonymize(identified())
    assert kept == []


# --- at the door ----------------------------------------------------------------------------------


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[AnonymizeSettings]:
    for name in ("key", "vault.key"):
        write_new_key(tmp_path / name)
    vault = {"place": str(tmp_path / "vault"), "key_file": str(tmp_path / "vault.key")}
    made = AnonymizeSettings(key_file=tmp_path / "key", vault=vault)
    yield made
    assert made.vault.vault is not None
    made.vault.vault.close()


def test_where_the_vault_is_away_nothing_is_let_in(settings: AnonymizeSettings) -> None:
    """Refused, by an answer; once the vault is there, the same instance is taken."""
    registry = AnonymizerRegistry()
    registry.add({"strange": Strange()}, plugin="test")
    archive = SimpleNamespace(anonymizers=registry)
    instance = IncomingInstance(
        origin=Origin(door="dimse"),
        sop_class_uid="1.2",
        sop_instance_uid="1.2.3",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        size=1,
        attributes={"Modality": "CT", "StationName": ""},
        load_dataset=identified,
    )
    rules = [StoreRule(anonymizer="strange")]
    refused = judge(instance, archive, rules, keeper=settings.vault.keeper)
    assert isinstance(refused, Refusal)
    assert "there is no vault" in refused.reason
    keeper = settings.vault.keeper
    assert keeper is not None
    key = settings.vault.read_key()
    assert key is not None
    create_vault(settings.vault.place, key, ACT).close()
    taken = judge(instance, archive, rules, keeper=keeper)
    assert not isinstance(taken, Refusal)
    assert keeper.vault.counts()[Kind.PATIENT] == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"vault": {"place": "v"}}, "a vault needs a key of its own"),
        ({"on_store": [{}]}, "a rule says one of: anonymizer = NAME, reidentify = true"),
        ({"on_store": [{"reidentify": True, "reason": "x"}]}, "say for which calling_aet"),
        ({"on_store": [{"reidentify": True, "calling_aet": "*", "reason": "x"}]}, "for which"),
        ({"on_store": [{"reidentify": True, "calling_aet": "A"}]}, "and the reason"),
        ({"on_store": [{"anonymizer": "dicognito", "reason": "x"}]}, "a reason is for"),
        (
            {"on_store": [{"reidentify": True, "calling_aet": "A", "reason": "x"}]},
            "no vault is configured",
        ),
    ],
)
def test_settings_that_do_not_fit_together_stop_the_start(wrong: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AnonymizeSettings(**wrong)


# --- files ----------------------------------------------------------------------------------------


def pacs(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["anonymize", *map(str, arguments)])


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Twenty instances: more than one batch."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(20):
        uids = {"StudyInstanceUID": "2.25.1", "SeriesInstanceUID": "2.25.2"}
        instance = make_instance(PatientID="ZKM-4711", InstanceNumber=number, **uids)
        instance.save_as(folder / f"{number}.dcm", enforce_file_format=True)
    return folder


@pytest.fixture
def vault_options(tmp_path: Path) -> list[object]:
    for name in ("key", "vault.key"):
        write_new_key(tmp_path / name)
    options = ["--map", tmp_path / "vault", "--vault-key", tmp_path / "vault.key"]
    assert pacs("vault", "create", *options).exit_code == 0
    return options


def counted(options: list[object]) -> dict[str, object]:
    done = pacs("vault", "check", "--json", *options)
    assert done.exit_code == 0, done.output
    told: dict[str, object] = json.loads(done.output)
    return told


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_file_leads_back_whoever_worked_on_it(
    study: Path, vault_options: list[object], tmp_path: Path, jobs: int
) -> None:
    key = ["--key-file", tmp_path / "key"]
    arguments = [study, "-o", tmp_path / "out", *key, *vault_options, "--jobs", jobs]
    # In a process of its own, since its processes go with it.
    done = run_module("pacs_framework.cli", "anonymize", *map(str, arguments), seconds=120)
    assert done.returncode == 0, done.stderr
    told = counted(vault_options)
    assert (told["patients"], told["studies"], told["uids"]) == (1, 1, 22)
    again = pacs(study, "-o", tmp_path / "again", *key, *vault_options, "--jobs", 1)
    assert again.exit_code == 0, again.output
    assert counted(vault_options) == told, "the same again adds nothing"


KILLED = """
import os, signal, sys
from pacs_anonymize.commands import work
from pacs_framework.cli.main import main

def killed(*_):
    os.kill(os.getpid(), signal.SIGKILL)

work.Work._write = killed
main(["anonymize", *sys.argv[1:]])
"""


def test_a_kill_between_vault_and_file_leaves_no_half(
    study: Path, vault_options: list[object], tmp_path: Path
) -> None:
    """The way back is there, no file is, and the next run makes what the first would have made."""
    arguments = [study / "1.dcm", "-o", tmp_path / "out", "--key-file", tmp_path / "key"]
    command = [sys.executable, "-c", KILLED, *map(str, [*arguments, *vault_options])]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    assert done.returncode == -9, done.stderr
    assert not (tmp_path / "out").exists()
    before = counted(vault_options)
    assert before["uids"] == 3
    assert pacs(*arguments, *vault_options).exit_code == 0
    assert {**counted(vault_options), "head": ""} == {**before, "head": ""}
    (file,) = (tmp_path / "out").rglob("*.dcm")
    shown = pacs(
        "vault", "show", "--pseudonym", pydicom.dcmread(file).SOPInstanceUID,
        "--reason", "a test", "--json", *vault_options,
    )  # fmt: skip
    original = pydicom.dcmread(study / "1.dcm").SOPInstanceUID
    assert [row["original"] for row in json.loads(shown.output)] == [original]


def test_a_file_that_contradicts_the_vault_fails_alone(
    study: Path, vault_options: list[object], tmp_path: Path
) -> None:
    """Others of its batch are written."""
    wanted = pydicom.dcmread(study / "3.dcm").SOPInstanceUID
    key_file = tmp_path / "key"
    made = ProfileAnonymizer(Profile("basic"), bytes.fromhex(key_file.read_text().strip()))
    dataset = pydicom.dcmread(study / "3.dcm", stop_before_pixels=True)
    pseudonym = str(made.anonymize(dataset).SOPInstanceUID)
    assert pseudonym != wanted
    key = bytes.fromhex((tmp_path / "vault.key").read_text().strip())
    vault = Vault(str(tmp_path / "vault"), key)
    vault.keep([Entry(kind=Kind.UID, pseudonym=pseudonym, original="1.2.999")])
    vault.close()
    options = ["--key-file", key_file, *vault_options, "--jobs", 1]
    done = pacs(study, "-o", tmp_path / "out", *options)
    assert done.exit_code == 1
    assert "19 written, 1 failed" in done.output
    assert "stands for another original" in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dry-run", "--map", "v"], "--dry-run keeps nothing"),
        (["-o", "out", "--vault-key", "KEY"], "opens the vault that --map names"),
        (["-o", "out", "--map", "v", "--vault-key", "KEY"], "there is no vault 'v'"),
    ],
)
def test_a_vault_that_cannot_be_used_stops_before_the_first_file(
    study: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    write_new_key(tmp_path / "KEY")
    given = [str(tmp_path / each) if each in ("KEY", "out") else each for each in arguments]
    done = pacs(study, *given)
    assert done.exit_code != 0
    assert message in done.output
    assert not (tmp_path / "out").exists()


def test_a_keeper_forgets_nothing_that_it_did_not_keep(tmp_path: Path) -> None:
    """What failed is tried again, not taken for known."""
    vault = Vault(str(tmp_path / "vault"), KEY)
    keeper = Keeper(vault)
    entry = Entry(kind=Kind.UID, pseudonym="2.25.1", original="1.2.1")
    with pytest.raises(Exception, match="there is no vault"):
        keeper([entry])
    create_vault(str(tmp_path / "vault"), KEY, ACT).close()
    keeper([entry])
    assert vault.counts()[Kind.UID] == 1
    vault.close()
