"""Rules at the door of a whole archive: nothing of the patient is kept, whatever happens."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset

from pacs_anonymize.keys import write_new_key
from pacs_framework.testing.distributions import install_distribution
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.process import ServedArchive, served

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(
        not Path("/usr/bin/storescu").exists(),
        reason="DCMTK is not installed: apt-get install dcmtk",
    ),
]

CONFIG = """
[plugin.anonymize]
key_file = "{key}"
[[plugin.anonymize.on_store]]
calling_aet = "BROKEN"
anonymizer = "broken"
[[plugin.anonymize.on_store]]
calling_aet = "RESEARCH*"
anonymizer = "hipaa-safe-harbor"
"""

BROKEN = """
    from pacs_framework import hookimpl
    from pacs_framework.anonymizers.anonymizer import Anonymizer

    class Broken(Anonymizer):
        description = "fails over everything"

        def anonymize(self, dataset):
            raise ValueError(f"cannot deal with {dataset.PatientName}")

    @hookimpl
    def anonymizers():
        return {"broken": Broken()}
"""

NAMES = ("Zuckmayer", "ZKM-4711", "19410203", "ACC-0815")
MIB = 1 << 20


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedArchive]:
    folder = tmp_path_factory.mktemp("reception")
    write_new_key(folder / "key")
    install_distribution(folder / "plugins", "site-broken", {"broken": BROKEN})
    config = CONFIG.format(key=folder / "key")
    with served(folder / "archive", config=config, plugins=folder / "plugins") as running:
        yield running
        assert running.stop() == 0


Send = Callable[[Dataset, str], str]


@pytest.fixture
def send(archive: ServedArchive, tmp_path: Path) -> Send:
    """Send by storescu; the status that it tells."""

    def by_storescu(instance: Dataset, calling_aet: str) -> str:
        file = tmp_path / "Zuckmayer.dcm"
        instance.save_as(file, enforce_file_format=True)
        command = ["/usr/bin/storescu", "-v", "-R", "-aet", calling_aet, "-aec", archive.aet]
        command += [archive.host, str(archive.port), str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        said = done.stdout + done.stderr
        (status,) = [line for line in said.splitlines() if "Received Store Response" in line]
        return status

    return by_storescu


def identified(size: int = 0, **attributes: object) -> Dataset:
    """An instance with the names of a patient at the top, in a sequence, in a private element and
    behind the pixels.
    """
    instance = make_instance(
        PatientName="Zuckmayer^Zoe",
        PatientID="ZKM-4711",
        PatientBirthDate="19410203",
        AccessionNumber="ACC-0815",
        **attributes,
    )
    item = Dataset()
    item.PatientID = item.AccessionNumber = "ZKM-4711"
    instance.RequestAttributesSequence = [item]
    block = instance.private_block(0x0009, "SITE", create=True)
    block.add_new(0x01, "LO", "Zuckmayer")
    if size:
        instance.Rows = instance.Columns = size
        instance.PixelData = bytes(range(256)) * (size * size * 2 // 256)
    instance.DataSetTrailingPadding = b"Zuckmayer "
    return instance


def leaks(archive: ServedArchive, *words: str) -> list[str]:
    """Where in all that the archive keeps or says one of the words stands."""
    files = [path for path in archive.data.rglob("*") if path.is_file()]
    return [
        f"{word} in {file}"
        for file in [*files, archive.log]
        for word in words
        if word.encode() in file.read_bytes()
    ]


def kept(archive: ServedArchive, number: int) -> list[Dataset]:
    """The instances with this Instance Number, which no profile takes away."""
    found = [pydicom.dcmread(file) for file in archive.objects()]
    return [ds for ds in found if ds.InstanceNumber == number]


@pytest.mark.parametrize(("number", "size"), [(71, 0), (72, 1024)], ids=["in memory", "staged"])
def test_an_instance_is_kept_de_identified_and_nowhere_as_it_came(
    archive: ServedArchive, send: Send, number: int, size: int
) -> None:
    """Objects, index, journal, staging folder and log are searched byte for byte."""
    instance = identified(size, InstanceNumber=number)
    assert not size or len(instance.PixelData) > MIB
    assert "Warning: Coercion" in send(instance, "RESEARCH1")
    [new] = kept(archive, number)
    assert new.PatientIdentityRemoved == "YES"
    assert new.PixelData == instance.PixelData
    assert "SourceApplicationEntityTitle" not in new.file_meta
    uids = (str(instance[f"{level}InstanceUID"].value) for level in ("Study", "Series"))
    assert leaks(archive, *NAMES, *uids) == []
    stored = [path for path in archive.data.rglob("*") if path.is_file()]
    assert not any(instance.SOPInstanceUID.encode() in path.read_bytes() for path in stored)


def test_a_resend_is_the_same_instance(archive: ServedArchive, send: Send) -> None:
    instance = identified(InstanceNumber=73)
    for _ in range(2):
        assert "Warning: Coercion" in send(instance, "RESEARCH1")
    assert len(kept(archive, 73)) == 1


def test_what_cannot_be_de_identified_is_refused_and_nothing_is_kept(
    archive: ServedArchive, send: Send
) -> None:
    """By a profile that does not take it, and by an anonymizer that fails; small and large ones."""
    for size in (0, 1024):
        burned = identified(size, InstanceNumber=74, BurnedInAnnotation="YES")
        assert "0x110" in send(burned, "RESEARCH1").lower()
        assert "0x110" in send(identified(size, InstanceNumber=74), "BROKEN").lower()
    assert kept(archive, 74) == []
    assert leaks(archive, *NAMES) == []
    lines = [json.loads(line) for line in archive.log_text().splitlines()]
    refused = [line for line in lines if line.get("event") == "plugin refused instance"]
    assert {(line["plugin"], line["status"]) for line in refused} == {("anonymize", "0110H")}


def test_failures_do_not_close_the_door_for_others(archive: ServedArchive, send: Send) -> None:
    """More than would open the circuit of a plugin that fails."""
    for _ in range(6):
        send(identified(), "BROKEN")
    instance = make_instance(PatientName="Nobody", InstanceNumber=75)
    assert "Success" in send(instance, "CLINIC")
    assert kept(archive, 75) == [instance], "no rule is for it: it is kept as it came"
    assert leaks(archive, "Nobody"), "so the search finds what there is"
