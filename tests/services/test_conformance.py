"""The conformance statement against the wire: what it says is what a peer finds."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydicom import Dataset
from pydicom.uid import ImplicitVRLittleEndian, UID_dictionary, generate_uid
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom.pdu_primitives import AsynchronousOperationsWindowNegotiation
from pynetdicom.pdu_primitives import SOPClassExtendedNegotiation as ExtendedNegotiation
from pynetdicom.sop_class import (
    BasicFilmSession,
    CTImageStorage,
    MediaCreationManagement,
    MRImageStorage,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from pacs_framework.archive.candidates import text_element
from pacs_framework.dicom.uids import TRANSFER_SYNTAXES
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.process import ServedArchive, served

PLUGINS = Path(__file__).parents[2].glob("plugins/*/pyproject.toml")
OURS = sorted(path.parent.name.removeprefix("pacs-") for path in PLUGINS)
ONLY_OURS = f"[plugins]\nallow = {json.dumps(OURS)}\n"
PRIVATE_SYNTAX = "1.2.826.0.1.3680043.2.1143.99"
SYNTAXES = sorted(
    {uid for uid, entry in UID_dictionary.items() if entry[1] == "Transfer Syntax"}
    | {*TRANSFER_SYNTAXES, PRIVATE_SYNTAX}
)
MOST_CONTEXTS = 128
CLASSES_AT_ONCE = MOST_CONTEXTS // len(SYNTAXES)


def stated(archive: ServedArchive) -> dict[str, Any]:
    """What ``pacs conformance`` says of a running archive's configuration."""
    done = archive.command("conformance", "--format", "json")
    assert done.returncode == 0, done.stderr
    statement: dict[str, Any] = json.loads(done.stdout)
    return statement


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedArchive]:
    with served(tmp_path_factory.mktemp("conformance"), config=ONLY_OURS) as archive:
        yield archive
        assert archive.stop() == 0


@pytest.fixture(scope="module")
def statement(running: ServedArchive) -> dict[str, Any]:
    return stated(running)


def agreed(
    archive: ServedArchive, sop_classes: Sequence[str], role: str, syntaxes: Sequence[str]
) -> set[tuple[str, str]]:
    """Pairs of SOP class and transfer syntax that are accepted with the archive in ``role``."""
    contexts = [build_context(uid, ts) for uid in sop_classes for ts in syntaxes]
    roles = [build_role(uid, scu_role=role == "SCP", scp_role=role == "SCU") for uid in sop_classes]
    ae = AE()
    association = ae.associate(
        archive.host,
        archive.port,
        ae_title=archive.aet,
        contexts=contexts,
        ext_neg=roles if role == "SCU" else [],
    )
    # pynetdicom aborts an association on which nothing was accepted.
    assert association.acceptor.primitive.result == 0x00
    assert all(c.as_scu is (role == "SCP") for c in association.accepted_contexts)
    found = {(c.abstract_syntax, c.transfer_syntax[0]) for c in association.accepted_contexts}
    association.release()
    return found


def claimed(statement: dict[str, Any], context: dict[str, Any], role: str) -> set[str]:
    """The transfer syntaxes that a statement gives for a context, with the archive in ``role``."""
    sets = {
        each["name"]: {syntax["uid"] for syntax in each["transfer_syntaxes"]}
        for each in statement["syntax_sets"]
    }
    name = context["as_scp" if role == "SCP" else "as_scu"]
    return sets[name] if name else set()


@pytest.mark.parametrize("role", ["SCP", "SCU"])
def test_contexts_are_accepted_exactly_where_the_statement_says_so(
    running: ServedArchive, statement: dict[str, Any], role: str
) -> None:
    """Every abstract syntax in every transfer syntax of the standard, one context for each."""
    expected = {c["uid"]: claimed(statement, c, role) for c in statement["contexts"]}
    assert len(expected) > 170
    for batch in batches(list(expected)):
        found = agreed(running, batch, role, SYNTAXES)
        assert found == {(uid, ts) for uid in batch for ts in expected[uid]}


def batches(sop_classes: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(sop_classes), CLASSES_AT_ONCE):
        yield sop_classes[start : start + CLASSES_AT_ONCE]


@pytest.mark.parametrize(
    "sop_class",
    [
        BasicFilmSession,
        MediaCreationManagement,
        "1.2.826.0.1.3680043.2.1143.98",
    ],
)
@pytest.mark.parametrize("role", ["SCP", "SCU"])
def test_what_the_statement_does_not_list_is_accepted_as_it_says_of_others(
    running: ServedArchive, statement: dict[str, Any], sop_class: str, role: str
) -> None:
    """Refused as SCP; as SCU only where it says so of any other abstract syntax."""
    assert sop_class not in {context["uid"] for context in statement["contexts"]}
    others = claimed(statement, statement["unlisted"], role)
    assert bool(others) is (role == "SCU")
    assert agreed(running, [sop_class], role, SYNTAXES) == {(sop_class, ts) for ts in others}


def test_association_parameters_are_those_of_the_statement(
    running: ServedArchive, statement: dict[str, Any]
) -> None:
    window = AsynchronousOperationsWindowNegotiation()
    window.maximum_number_operations_invoked = window.maximum_number_operations_performed = 5
    association = AE().associate(
        running.host, running.port, contexts=[build_context(Verification)], ext_neg=[window]
    )
    facts, acceptor = statement["association"], association.acceptor
    assert acceptor.maximum_length == facts["max_pdu"]
    assert acceptor.implementation_class_uid == facts["implementation_class_uid"]
    assert acceptor.implementation_version_name == facts["implementation_version_name"]
    assert acceptor.primitive.application_context_name == facts["application_context"]["uid"]
    assert list(acceptor.asynchronous_operations) == facts["asynchronous_window"]
    association.release()


def test_extended_negotiation_is_answered_as_stated(
    running: ServedArchive, statement: dict[str, Any]
) -> None:
    """All options proposed, of all SOP classes: those stated are agreed to, no answer elsewhere."""
    documented = {
        sop_class["uid"]: [option["agreed"] for option in service["record"]["extended_negotiation"]]
        for service in statement["services"]
        if service["record"] and service["record"]["extended_negotiation"]
        for sop_class in service["sop_classes"]
    }
    assert documented
    negotiated = {c["uid"] for c in statement["contexts"] if c["extended_negotiation"]}
    assert negotiated == documented.keys()
    asked = [*documented, CTImageStorage, Verification]
    items = []
    for uid in asked:
        item = ExtendedNegotiation()
        item.sop_class_uid = uid
        item.service_class_application_information = b"\x01" * len(documented.get(uid, "1"))
        items.append(item)
    contexts = [build_context(uid) for uid in asked]
    association = AE().associate(running.host, running.port, contexts=contexts, ext_neg=items)
    answers = association.acceptor.sop_class_extended
    assert {uid: [*map(bool, answer)] for uid, answer in answers.items()} == documented
    association.release()


def test_two_runs_are_the_same_to_the_letter(running: ServedArchive) -> None:
    """Also in processes that hash differently."""
    first, second = (running.command("conformance").stdout for _ in range(2))
    assert first == second
    assert first.startswith("# DICOM Conformance Statement of PACS")


def test_a_denied_plugin_is_neither_stated_nor_on_the_wire(tmp_path: Path) -> None:
    config = '[plugins]\ndeny = ["verification"]\n[network]\nmax_pdu = 16384\n'
    with served(tmp_path, config=config, aet="OTHER") as archive:
        statement = stated(archive)
        assert statement["aet"] == "OTHER"
        assert Verification not in {context["uid"] for context in statement["contexts"]}
        assert "Verification" in " ".join(statement["deviations"])
        contexts = [build_context(Verification), build_context(CTImageStorage)]
        association = AE().associate(archive.host, archive.port, contexts=contexts)
        assert association.acceptor.maximum_length == statement["association"]["max_pdu"] == 16384
        assert [c.abstract_syntax for c in association.rejected_contexts] == [Verification]
        association.release()
        assert archive.stop() == 0


# --- associations that are initiated ------------------------------------------------------------


Proposed = list[tuple[str, dict[str, set[str]]]]


@pytest.fixture
def acceptor() -> Iterator[tuple[int, Proposed]]:
    """A peer that takes CT images and C-ECHO: its port, and what was proposed by whom."""
    seen: Proposed = []

    def note(event: evt.Event) -> None:
        requestor = event.assoc.requestor
        contexts: dict[str, set[str]] = {}
        for context in requestor.primitive.presentation_context_definition_list:
            contexts.setdefault(context.abstract_syntax, set()).update(context.transfer_syntax)
        seen.append((requestor.primitive.calling_ae_title.strip(), contexts))

    ae = AE(ae_title="RECEIVER")
    ae.add_supported_context(Verification)
    ae.add_supported_context(CTImageStorage)
    handlers = [(evt.EVT_REQUESTED, note), (evt.EVT_C_STORE, lambda _: 0x0000)]
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    yield server.socket.getsockname()[1], seen
    server.shutdown()


def initiation(statement: dict[str, Any], activity: str) -> dict[str, Any]:
    [found] = [each for each in statement["initiations"] if each["activity"] == activity]
    return found


def test_pacs_echo_proposes_what_is_stated(
    running: ServedArchive, statement: dict[str, Any], acceptor: tuple[int, Proposed]
) -> None:
    port, seen = acceptor
    assert running.run("echo", "127.0.0.1", port, "--aec", "RECEIVER").returncode == 0
    said = initiation(statement, "pacs echo")
    proposed = {uid: set(said["transfer_syntaxes"]) for uid in said["sop_classes"]}
    assert seen == [(said["calling_aet"], proposed)]


def test_pacs_store_and_c_move_propose_within_what_is_stated(
    tmp_path: Path, acceptor: tuple[int, Proposed]
) -> None:
    port, seen = acceptor
    file = tmp_path / "ct.dcm"
    instance = make_instance()
    instance.save_as(file, enforce_file_format=True)
    peer = f'[peers.r]\naet = "RECEIVER"\nhost = "127.0.0.1"\nport = {port}\n'
    with served(tmp_path / "archive", config=peer) as archive:
        statement = stated(archive)
        assert [p["aet"] for p in statement["peers"]] == ["RECEIVER"]
        assert archive.run("store", archive.host, archive.port, file).returncode == 0
        assert archive.run("store", "127.0.0.1", port, file).returncode == 0
        move(archive, instance)
        assert archive.stop() == 0
    store = initiation(statement, "pacs store")
    suboperations = initiation(statement, "C-STORE sub-operations of C-MOVE")
    titles = [title for title, _ in seen]
    assert titles == [store["calling_aet"], suboperations["calling_aet"] or statement["aet"]]
    for said, (_, proposed) in zip([store, suboperations], seen, strict=True):
        assert proposed.keys() == {CTImageStorage}
        assert proposed.keys() <= set(said["sop_classes"])
        assert proposed[CTImageStorage] <= set(said["transfer_syntaxes"])


def move(archive: ServedArchive, instance: Dataset) -> None:
    model = StudyRootQueryRetrieveInformationModelMove
    association = AE().associate(archive.host, archive.port, contexts=[build_context(model)])
    query = Dataset()
    query.QueryRetrieveLevel = "STUDY"
    query.StudyInstanceUID = instance.StudyInstanceUID
    statuses = [status.Status for status, _ in association.send_c_move(query, "RECEIVER", model)]
    association.release()
    assert statuses[-1] == 0x0000


# --- statuses -----------------------------------------------------------------------------------


def test_statuses_on_the_wire_are_in_the_tables_of_their_service(
    running: ServedArchive, statement: dict[str, Any]
) -> None:
    """One refusal of each service, and its success."""
    find, stored = StudyRootQueryRetrieveInformationModelFind, make_instance()
    contexts = [
        build_context(find),
        build_context(StudyRootQueryRetrieveInformationModelMove),
        build_context(CTImageStorage, stored.file_meta.TransferSyntaxUID),
    ]
    association = AE().associate(running.host, running.port, contexts=contexts)
    mismatched = make_instance(StudyInstanceUID=None)
    wrong, right = Dataset(), Dataset()
    wrong.QueryRetrieveLevel, right.QueryRetrieveLevel = "PATIENT", "STUDY"
    right.StudyInstanceUID = stored.StudyInstanceUID
    seen = {
        "storage": [association.send_c_store(each).Status for each in (stored, mismatched)],
        "query": [s.Status for q in (wrong, right) for s, _ in association.send_c_find(q, find)],
        "move": [
            status.Status
            for status, _ in association.send_c_move(right, "NOBODY", contexts[1].abstract_syntax)
        ],
    }
    association.release()
    assert seen["storage"] == [0x0000, 0xA900]
    assert set(seen["query"]) == {0xA900, 0xFF00, 0x0000}
    assert seen["move"] == [0xA801]
    for service, statuses in seen.items():
        assert set(statuses) <= table_of(statement, service)


def table_of(statement: dict[str, Any], service: str) -> set[int]:
    [record] = [
        each["record"]
        for each in statement["services"]
        if each["service"] == service and each["role"] == "SCP"
    ]
    return {status["status"] for status in record["statuses"]}


# --- keys ---------------------------------------------------------------------------------------

# Two patients that differ in everything that can be asked for. Of the first, the values.
VALUES = {
    "PatientName": "Doe^Jane",
    "PatientID": "P1",
    "IssuerOfPatientID": "HOSPITAL",
    "PatientBirthDate": "19700102",
    "PatientSex": "F",
    "StudyInstanceUID": generate_uid(),
    "StudyID": "S1",
    "StudyDate": "20260102",
    "StudyTime": "101112",
    "AccessionNumber": "A1",
    "ReferringPhysicianName": "Smith^John",
    "StudyDescription": "HEAD",
    "SeriesInstanceUID": generate_uid(),
    "SeriesNumber": "3",
    "Modality": "CT",
    "SeriesDescription": "AXIAL",
    "SeriesDate": "20260103",
    "SeriesTime": "101213",
    "BodyPartExamined": "BRAIN",
    "StationName": "ROOM1",
    "InstitutionName": "CLINIC",
    "PerformedProcedureStepStartDate": "20260104",
    "PerformedProcedureStepStartTime": "101314",
    "SOPInstanceUID": generate_uid(),
    "SOPClassUID": str(CTImageStorage),
    "InstanceNumber": "5",
    "ContentDate": "20260105",
    "ContentTime": "101415",
    "NumberOfFrames": "1",
}
COMPUTED = {
    "ModalitiesInStudy": "CT",
    "SOPClassesInStudy": str(CTImageStorage),
    "AvailableTransferSyntaxUID": "1.2.840.10008.1.2.1",
    **{
        f"NumberOf{above}Related{below}": "1"
        for above, below in (
            ("Patient", "Studies"),
            ("Patient", "Series"),
            ("Patient", "Instances"),
            ("Study", "Series"),
            ("Study", "Instances"),
            ("Series", "Instances"),
        )
    },
}
OTHER_VALUES = {
    "PatientID": "OTHER",
    "PatientName": "Other^Name",
    "ReferringPhysicianName": "Other^Doctor",
    "PatientBirthDate": "19500101",
    "PatientSex": "M",
    "StudyDate": "20100101",
    "StudyTime": "050000",
    "SeriesDate": "20100101",
    "SeriesTime": "050000",
    "ContentDate": "20100101",
    "ContentTime": "050000",
    "PerformedProcedureStepStartDate": "20100101",
    "PerformedProcedureStepStartTime": "050000",
    "SeriesNumber": "9",
    "InstanceNumber": "9",
    "NumberOfFrames": "2",
    "Modality": "MR",
    "SOPClassUID": str(MRImageStorage),
}
NO_MATCH = {
    "UI": "1.2.3.4",
    "DA": "19990101",
    "TM": "235959",
    "IS": "77",
    "PN": "Nobody^X",
}
RANGES = {"DA": ("{}-20991231", "19900101-19900102"), "TM": ("100000-{}", "220000-230000")}


def asked(key: dict[str, Any], kind: str) -> tuple[str, str | None]:
    """A value that has to match the first patient, and one that must not match anybody."""
    value = {**VALUES, **COMPUTED}[key["keyword"]]
    other = NO_MATCH.get(key["vr"], "NOBODY")
    match kind:
        case "universal":
            return "", None
        case "single value":
            return value, other
        case "list of values" | "list of UID":
            return f"{other}\\{value}", f"{other}\\{other}"
        case "wild card":
            return f"{value[0]}*", "Q?*"
        case "range":
            matching, missing = RANGES[key["vr"]]
            return matching.format(value), missing
    raise AssertionError(kind)


def query(level: str, key: dict[str, Any], value: str) -> Dataset:
    dataset = Dataset()
    for tag, vr, text in ((0x00080052, "CS", level), (key["tag"], key["vr"], value)):
        dataset[tag] = text_element(tag, vr, text)
    if key["keyword"] != "PatientID":
        dataset.PatientID = ""
    return dataset


class Answers(NamedTuple):
    """What came back for one query: Patient IDs, and whether all keys were supported."""

    patients: list[str]
    supported: bool


def findscu(archive: ServedArchive, folder: Path, queries: Sequence[Dataset]) -> list[Answers]:
    """DCMTK asks all ``queries`` on one association."""
    folder.mkdir(parents=True)
    files = []
    for number, identifier in enumerate(queries):
        file = folder / f"{number:04}.dcm"
        identifier.save_as(file, implicit_vr=False, little_endian=True)
        files.append(str(file))
    command = ["/usr/bin/findscu", "-v", "-P", "-aec", archive.aet, archive.host]
    done = subprocess.run(
        [*command, str(archive.port), *files], capture_output=True, text=True, check=True
    )
    parts = (done.stdout + done.stderr).split("Request Identifiers:")[1:]
    return [answers_in(part.split("Find Response: ", 1)) for part in parts]


def answers_in(part: list[str]) -> Answers:
    text = part[1] if len(part) > 1 else ""
    patients = re.findall(r"\(0010,0020\) LO \[(\w+) ?\]", text)
    return Answers(patients, "WarningUnsupportedOptionalKeys" not in text)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedArchive]:
    """An archive with two patients; relational, so that each key can be asked for alone."""
    if not Path("/usr/bin/findscu").exists():
        pytest.skip("DCMTK is not installed: apt-get install dcmtk")
    folder = tmp_path_factory.mktemp("keys")
    config = ONLY_OURS + '[plugin.query-retrieve]\nrelational = "always"\n'
    with served(folder / "archive", config=config) as archive:
        files = folder / "files"
        files.mkdir()
        for number, instance in enumerate(two_patients()):
            instance.save_as(files / f"{number}.dcm", enforce_file_format=True)
        done = archive.run("store", archive.host, archive.port, files)
        assert done.returncode == 0, done.stderr
        yield archive
        assert archive.stop() == 0


def two_patients() -> Iterator[Dataset]:
    """One with one instance; one with two studies of two series of two instances, all else other,
    so that every count differs.
    """
    yield make_instance(**VALUES, Manufacturer="ACME", KVP="120", **request("RP1"))
    others = dict.fromkeys(VALUES, "OTHER")
    others |= {k: v for k, v in OTHER_VALUES.items() if k in VALUES}
    for study in (generate_uid(), generate_uid()):
        for series in (generate_uid(), generate_uid()):
            for _ in range(2):
                others["StudyInstanceUID"], others["SeriesInstanceUID"] = study, series
                others["SOPInstanceUID"] = generate_uid()
                instance = make_instance(**others, Manufacturer="X", KVP="80", **request("RP2"))
                instance.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
                yield instance


def request(procedure: str) -> dict[str, object]:
    item = Dataset()
    item.RequestedProcedureID = procedure
    return {"RequestAttributesSequence": [item]}


@pytest.mark.interop
@pytest.mark.parametrize("level", ["PATIENT", "STUDY", "SERIES", "IMAGE"])
def test_each_key_matches_in_each_way_that_is_stated(
    filled: ServedArchive, tmp_path: Path, level: str
) -> None:
    """findscu gets the first patient by each key and kind of matching, and nobody by a value that
    nobody has.
    """
    ways = [(key, kind) for key in keys_at(filled, level) for kind in key["matching"]]
    assert len(ways) > 100
    values = [asked(key, kind) for key, kind in ways]
    found = findscu(
        filled,
        tmp_path / "some",
        [query(level, key, wanted) for (key, _), (wanted, _) in zip(ways, values, strict=True)],
    )
    for (key, kind), answers in zip(ways, found, strict=True):
        patients = {"P1", "OTHER"} if kind == "universal" else {"P1"}
        assert set(answers.patients) == patients, (key["keyword"], kind)
        assert answers.supported, key["keyword"]
    missing = [
        (key, kind, other) for (key, kind), (_, other) in zip(ways, values, strict=True) if other
    ]
    none = findscu(
        filled, tmp_path / "none", [query(level, key, other) for key, _, other in missing]
    )
    for (key, kind, _), answers in zip(missing, none, strict=True):
        assert answers.patients == [], (key["keyword"], kind)


@pytest.mark.interop
@pytest.mark.parametrize("level", ["PATIENT", "STUDY", "SERIES", "IMAGE"])
def test_a_key_that_is_not_stated_as_matched_is_not_matched(
    filled: ServedArchive, tmp_path: Path, level: str
) -> None:
    """A value that nobody has finds everybody; what is not supported at all is told by FF01H."""
    keys = [key for key in keys_at(filled, level) if not key["matching"]]
    assert {"RetrieveAETitle", "InstanceAvailability"} <= {key["keyword"] for key in keys}
    queries = [query(level, key, NO_MATCH.get(key["vr"], "NOBODY")) for key in keys]
    for key, answers in zip(keys, findscu(filled, tmp_path / "q", queries), strict=True):
        assert set(answers.patients) == {"P1", "OTHER"}, key["keyword"]
        assert answers.supported is key["returned"], key["keyword"]


@pytest.mark.interop
def test_keys_that_are_not_listed_are_matched_by_their_vr_as_stated(
    filled: ServedArchive, tmp_path: Path
) -> None:
    """From the stored header: text with a wild card, a decimal as a number, an item's key."""
    by_vr = dict(find_record(filled)["vr_matching"])
    for vr, kind in (("LO", "wild card"), ("DS", "single value"), ("SQ", "sequence")):
        assert kind in by_vr[vr]
    assert "wild card" not in by_vr["DS"]
    queries = [Dataset() for _ in range(5)]
    for dataset in queries:
        dataset.QueryRetrieveLevel, dataset.PatientID = "STUDY", ""
    queries[0].Manufacturer = "AC*"
    queries[1].KVP = "120.0"
    queries[2].KVP = "130"
    queries[3].RequestAttributesSequence = request("RP1")["RequestAttributesSequence"]
    queries[4].RequestAttributesSequence = request("RP9")["RequestAttributesSequence"]
    found = findscu(filled, tmp_path / "q", queries)
    assert [answers.patients for answers in found] == [["P1"], ["P1"], [], ["P1"], []]


def find_record(archive: ServedArchive) -> dict[str, Any]:
    services = stated(archive)["services"]
    [record] = [each["record"] for each in services if each["service"] == "query"]
    return dict(record)


def keys_at(archive: ServedArchive, level: str) -> list[dict[str, Any]]:
    return [key for key in find_record(archive)["keys"] if key["level"] == level]
