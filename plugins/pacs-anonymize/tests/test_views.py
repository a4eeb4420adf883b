"""One archive, several views: rules on retrieval, by recipient, over the wire, in two workers."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pydicom
import pytest
from pydantic import ValidationError
from pydicom import Dataset

from pacs_anonymize.keys import write_new_key
from pacs_anonymize.on_retrieve import fits, judge
from pacs_anonymize.plugin import idle_hooks
from pacs_anonymize.settings import AnonymizeSettings, RetrieveRule
from pacs_framework.anonymizers.anonymizer import Anonymizer
from pacs_framework.anonymizers.registry import AnonymizerRegistry
from pacs_framework.archive.incoming import Coercion, Refusal
from pacs_framework.archive.outgoing import OutgoingInstance, Recipient
from pacs_framework.errors import NotAnonymized, StorageError, UnreadableInstance
from pacs_framework.testing.instances import encoded_instance, make_instance
from pacs_framework.testing.process import ServedArchive, served
from pacs_framework.testing.receiver import Receiver, listening

CT = "1.2.840.10008.5.1.4.1.1.2"


# --- rules ---------------------------------------------------------------------------------------


class Named(Anonymizer):
    description = "writes a name"

    def anonymize(self, dataset: Dataset) -> Dataset:
        if dataset.PatientName == "Nobody":
            raise NotAnonymized("nobody cannot be de-identified")
        dataset.PatientName = "A View"
        dataset.PatientIdentityRemoved = "YES"
        dataset.DeidentificationMethod = "by hand"
        return dataset


class Kept:
    """Takes the entries of a vault, while it works."""

    def __init__(self) -> None:
        self.works = True
        self.entries: list[object] = []

    def knows(self, _entry: object) -> bool:
        return False

    def __call__(self, entries: Iterable[object]) -> None:
        if not self.works:
            raise StorageError("the vault cannot be written")
        self.entries.extend(entries)


@pytest.fixture
def archive() -> SimpleNamespace:
    registry = AnonymizerRegistry()
    registry.add({"named": Named()}, plugin="test")
    return SimpleNamespace(anonymizers=registry)


def outgoing(aet: str = "TRIAL1", **more: object) -> OutgoingInstance:
    def load() -> Dataset:
        dataset = make_instance()
        del dataset.PixelData
        return dataset

    given: dict[str, object] = {
        "recipient": Recipient(door="move", aet=aet, calling_aet="STATION"),
        "sop_class_uid": CT,
        "sop_instance_uid": "1.2.3",
        "transfer_syntax_uid": "1.2.840.10008.1.2.1",
        "size": 1,
        "attributes": {"Modality": "CT", "StationName": "SCANNER 3"},
        "load_dataset": load,
    }
    return OutgoingInstance(**given | more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ({}, True),
        ({"destination": "TRIAL*"}, True),
        ({"destination": "STATION"}, False),
        ({"calling_aet": "STATION"}, True),
        ({"calling_aet": "TRIAL1"}, False),
        ({"modality": "[CM]T"}, True),
        ({"modality": "MR"}, False),
        ({"station_name": "*3"}, True),
        ({"station_name": "*4"}, False),
        ({"sop_class": CT}, True),
        ({"sop_class": "CTImageStorage"}, True),
        ({"sop_class": "MR*"}, False),
        ({"destination": "TRIAL1", "modality": "MR"}, False),
    ],
)
def test_every_pattern_of_a_rule_must_fit(patterns: dict[str, str], expected: bool) -> None:
    assert fits(RetrieveRule(anonymizer="named", **patterns), outgoing()) is expected


def test_the_stored_header_is_not_read_for_a_recipient_that_no_rule_names(archive) -> None:
    class Unread(dict):  # type: ignore[type-arg]
        def __getitem__(self, keyword: str) -> str:
            raise AssertionError(f"{keyword} was read")

    rules = [RetrieveRule(anonymizer="named", destination="TRIAL*", modality="CT")]
    assert judge(outgoing("CLINIC", attributes=Unread()), archive, rules) is None


def test_the_first_rule_that_fits_says_what_is_sent(archive) -> None:
    rules = [
        RetrieveRule(original=True, destination="CLINIC"),
        RetrieveRule(anonymizer="named", destination="TRIAL*"),
        RetrieveRule(refuse=True),
    ]
    assert judge(outgoing("CLINIC"), archive, rules) is None
    answer = judge(outgoing("TRIAL1"), archive, rules)
    assert isinstance(answer, Coercion)
    assert answer.anonymous
    assert answer.dataset.PatientName == "A View"
    answer = judge(outgoing("ELSEWHERE"), archive, rules)
    assert isinstance(answer, Refusal)
    assert answer.reason == "no rule lets 'ELSEWHERE' have this instance"
    assert judge(outgoing("ELSEWHERE"), archive, rules[:2]) is None


def test_what_cannot_be_de_identified_or_read_is_refused(archive) -> None:
    """By an answer: an exception would count against the plugin, and in the end stop everybody."""

    def broken() -> Dataset:
        raise UnreadableInstance("the header cannot be decoded")

    def nobody() -> Dataset:
        return make_instance(PatientName="Nobody", PixelData=None)

    rules = [RetrieveRule(anonymizer="named")]
    for load in (broken, nobody):
        answer = judge(outgoing(load_dataset=load), archive, rules)
        assert isinstance(answer, Refusal)
        assert answer.status == 0x0110


def test_the_way_back_is_kept_before_a_view_goes_out(archive) -> None:
    """And where it cannot be, nothing goes."""
    rules = [RetrieveRule(anonymizer="named")]
    keeper = Kept()
    assert isinstance(judge(outgoing(), archive, rules, keeper=keeper), Coercion)
    assert keeper.entries
    keeper.works = False
    assert isinstance(judge(outgoing(), archive, rules, keeper=keeper), Refusal)


@pytest.mark.parametrize("given", [{}, {"original": True, "refuse": True}, {"original": False}])
def test_a_rule_gives_one_answer(given: dict[str, bool]) -> None:
    with pytest.raises(ValidationError, match="a rule says one of"):
        RetrieveRule(**given)


def test_without_rules_there_is_nothing_to_judge() -> None:
    assert set(idle_hooks(AnonymizeSettings())) == {"on_store", "on_retrieve"}
    original = {"original": True}
    assert set(idle_hooks(AnonymizeSettings(on_retrieve=[original]))) == {"on_store"}


def test_rules_with_own_profiles_need_a_key() -> None:
    rule = {"anonymizer": "basic"}
    with pytest.raises(ValidationError, match="rules in on_retrieve need a key"):
        AnonymizeSettings(on_retrieve=[rule])


# --- over the wire -------------------------------------------------------------------------------

CONFIG = """
[network]
workers = 2
[plugin.anonymize]
key_file = "{key}"
[plugin.anonymize.profiles.dated]
options = ["retain-longitudinal-full-dates"]
[[plugin.anonymize.on_retrieve]]
destination = "CLINIC"
original = true
[[plugin.anonymize.on_retrieve]]
destination = "TRIAL*"
anonymizer = "hipaa-safe-harbor"
[[plugin.anonymize.on_retrieve]]
destination = "DATES"
anonymizer = "dated"
[[plugin.anonymize.on_retrieve]]
refuse = true
"""
STUDY = "1.2.840.5.5"
PEERS = ("CLINIC", "TRIAL1", "DATES", "ELSEWHERE")
NAMES = (b"Zuckmayer", b"ZKM-4711", b"ACC-0815")
DCMTK = pytest.mark.skipif(
    not Path("/usr/bin/getscu").exists(), reason="DCMTK is not installed: apt-get install dcmtk"
)


@pytest.fixture(scope="module")
def receivers() -> dict[str, Receiver]:
    return {aet: Receiver() for aet in PEERS}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two instances that can be de-identified, and one that HIPAA Safe Harbor does not take."""
    folder = tmp_path_factory.mktemp("stored")
    files = []
    for number in (1, 2, 3):
        instance = make_instance(
            PatientName="Zuckmayer^Zoe",
            PatientID="ZKM-4711",
            AccessionNumber="ACC-0815",
            StudyInstanceUID=STUDY,
            SeriesInstanceUID=f"{STUDY}.1",
            SOPInstanceUID=f"{STUDY}.1.{number}",
            InstanceNumber=number,
        )
        if number == 3:
            instance.BurnedInAnnotation = "YES"
        files.append(folder / f"{number}.dcm")
        instance.save_as(files[-1], enforce_file_format=True)
    return files


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, receivers: dict[str, Receiver], stored: list[Path]
) -> Iterator[ServedArchive]:
    folder = tmp_path_factory.mktemp("views")
    write_new_key(folder / "key")
    config = CONFIG.format(key=folder / "key")
    with ExitStack() as stack:
        for aet, receiver in receivers.items():
            port = stack.enter_context(listening(aet, receiver)).address[1]
            config += f'[peers.{aet.lower()}]\naet = "{aet}"\nhost = "127.0.0.1"\nport = {port}\n'
        archive = stack.enter_context(served(folder / "archive", config=config))
        done = archive.command("import", *stored)
        assert done.returncode == 0, done.stderr
        yield archive


def dcmtk(tool: str, archive: ServedArchive, *arguments: str) -> str:
    command = [f"/usr/bin/{tool}", "-v", "-S", "-aec", archive.aet, *arguments]
    command += ["-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={STUDY}"]
    command += [archive.host, str(archive.port)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.stdout + done.stderr


@DCMTK
def test_movescu_has_each_destination_get_its_view(
    running: ServedArchive, receivers: dict[str, Receiver], stored: list[Path]
) -> None:
    """Twice, so that both workers are asked: it is the same view."""
    originals = {pydicom.dcmread(file).SOPInstanceUID: file for file in stored}
    seen: dict[str, dict[str, bytes]] = {}
    for _ in range(2):
        for aet in PEERS:
            receivers[aet].instances.clear()
            dcmtk("movescu", running, "-aem", aet)
            got = {uid: data for uid, (_, data) in receivers[aet].instances.items()}
            assert seen.setdefault(aet, got) == got
    for uid, data in seen["CLINIC"].items():
        assert data == encoded_instance(pydicom.dcmread(originals[uid]))
    assert {aet: len(got) for aet, got in seen.items()} == {
        "CLINIC": 3,
        "TRIAL1": 2,  # what shows a person by its own words is refused
        "DATES": 3,
        "ELSEWHERE": 0,
    }
    for aet in ("TRIAL1", "DATES"):
        for uid, data in seen[aet].items():
            assert uid not in originals
            assert uid.encode() in data
            assert STUDY.encode() not in data
            assert not [name for name in NAMES if name in data]
    assert not any(b"20260102" in data for data in seen["TRIAL1"].values())
    assert all(b"20260102" in data for data in seen["DATES"].values())


@DCMTK
def test_getscu_gets_the_view_of_its_own_ae_title(running: ServedArchive, tmp_path: Path) -> None:
    said = dcmtk("getscu", running, "-aet", "TRIAL9", "-od", str(tmp_path))
    assert "Number of Failed Suboperations" in said
    files = list(tmp_path.iterdir())
    assert len(files) == 2
    for file in files:
        assert not [name for name in NAMES if name in file.read_bytes()]
        assert pydicom.dcmread(file).PatientIdentityRemoved == "YES"
    lines = [json.loads(line) for line in running.log_text().splitlines()]
    refused = [line for line in lines if line.get("event") == "an instance to retrieve is not sent"]
    assert {line["sop_instance_uid"] for line in refused} >= {f"{STUDY}.1.3"}
    assert "Zuckmayer" not in running.log_text()


@DCMTK
def test_the_archive_itself_stays_as_it_was(running: ServedArchive, stored: list[Path]) -> None:
    kept = [pydicom.dcmread(file) for file in running.objects()]
    assert sorted(kept, key=lambda one: one.InstanceNumber) == [*map(pydicom.dcmread, stored)]
