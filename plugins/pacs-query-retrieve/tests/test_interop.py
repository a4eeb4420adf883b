"""DCMTK's findscu, movescu and getscu against the services."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from nodes import EXPLICIT, Node
from pydicom import DataElement, dcmread

from pacs_framework.dicom.part10 import read_prefix
from pacs_framework.testing.receiver import Receiver

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(
        not Path("/usr/bin/findscu").exists(),
        reason="DCMTK is not installed: apt-get install dcmtk",
    ),
]


def run(tool, node, *arguments):
    host, port = node.listener.address
    command = [f"/usr/bin/{tool}", "-aec", "PACS", host, str(port), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def query(*pairs):
    return [argument for pair in pairs for argument in ("-k", pair)]


@pytest.fixture
def filled(node: Node) -> Node:
    for uid in ("1.1.1", "1.1.2", "1.2.1"):
        node.store(uid, StudyDate="20200102")
    return node


@pytest.mark.parametrize(
    ("flag", "wanted", "found"),
    [
        ("-P", ["QueryRetrieveLevel=PATIENT", "PatientName=doe*"], 1),
        ("-P", ["QueryRetrieveLevel=STUDY", "PatientID=P1", "StudyDate=20200101-"], 1),
        ("-S", ["QueryRetrieveLevel=STUDY", "ModalitiesInStudy=CT"], 1),
        ("-S", ["QueryRetrieveLevel=SERIES", "StudyInstanceUID=1.2.1"], 2),
        ("-S", ["QueryRetrieveLevel=SERIES", "StudyInstanceUID=9.9"], 0),
    ],
)
def test_findscu_gets_every_match(filled, tmp_path, flag, wanted, found):
    done = run("findscu", filled, flag, "-X", "-od", str(tmp_path), *query(*wanted))
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("rsp*.dcm"))) == found


@pytest.mark.parametrize(
    "character_set", ["ISO_IR 192", "GB18030", "\\ISO 2022 IR 87", "ISO 2022 IR 6\\ISO 2022 IR 87"]
)
def test_findscu_is_answered_in_the_character_sets_that_it_uses(node, tmp_path, character_set):
    """Also in several with code extensions, as consoles in Japan and Korea ask (PS3.3 Annex H)."""
    name = "Yamada^Tarou=山田^太郎"
    node.store("1.1.1", SpecificCharacterSet="ISO_IR 192", PatientName=name)
    wanted = [
        "QueryRetrieveLevel=STUDY",
        "PatientName=yamada*",
        "StudyInstanceUID",
        f"SpecificCharacterSet={character_set}",
    ]
    done = run("findscu", node, "-S", "-X", "-od", str(tmp_path), *query(*wanted))
    assert done.returncode == 0, done.stderr
    (answer,) = map(dcmread, tmp_path.glob("rsp*.dcm"))
    assert answer.SpecificCharacterSet == DataElement(0x00080005, "CS", character_set).value
    assert str(answer.PatientName) == name


@pytest.mark.parametrize("flag", ["-P", "-S"])
def test_movescu_has_instances_sent(filled, receiver: Receiver, flag):
    wanted = query("QueryRetrieveLevel=STUDY", "StudyInstanceUID=1.2.1", "PatientID=P1")
    done = run("movescu", filled, flag, "-aem", "RECEIVER", *wanted)
    assert done.returncode == 0, done.stderr
    assert {uid: data for uid, (_, data) in receiver.instances.items()} == filled.sent


@pytest.mark.parametrize("flag", ["-P", "-S"])
def test_getscu_gets_instances_byte_for_byte(filled, tmp_path_factory, flag):
    folder = tmp_path_factory.mktemp("got")
    wanted = query("QueryRetrieveLevel=STUDY", "StudyInstanceUID=1.2.1", "PatientID=P1")
    done = run("getscu", filled, flag, "+B", "-od", str(folder), *wanted)
    assert done.returncode == 0, done.stderr
    got = [read_data_set(file) for file in folder.iterdir()]
    assert sorted(got) == sorted((EXPLICIT, data) for data in filled.sent.values())


def read_data_set(file):
    with file.open("rb") as stream:
        meta, offset = read_prefix(stream)
        stream.seek(offset)
        return meta.transfer_syntax_uid, stream.read()
