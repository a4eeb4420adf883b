"""DCMTK's own tools against ``pacs serve``, with pydicom's bundled files as real input."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import UID

from pacs_framework.dicom.part10 import read_prefix
from pacs_framework.testing.process import ServedArchive
from pacs_framework.testing.sockets import wait_for_listener

# Some real files are odd, and pydicom says so.
pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("ignore::UserWarning")]

Dcmtk = Callable[..., subprocess.CompletedProcess[str]]


def data_set(file: Path) -> bytes:
    """The bytes of a Part 10 file behind its header, as they travel: of even length."""
    with file.open("rb") as stream:
        stream.seek(read_prefix(stream).dataset_offset)
        data = stream.read()
    return data + bytes(len(data) % 2)


def sop_instance_uid(file: Path) -> str:
    return str(pydicom.dcmread(file, stop_before_pixels=True).SOPInstanceUID)


def by_uid(files: Iterator[Path]) -> dict[str, bytes]:
    return {sop_instance_uid(file): data_set(file) for file in files if file.is_file()}


def pacs_store(archive: ServedArchive, files: list[Path]) -> None:
    """Put files in exactly as they are, without DCMTK writing them anew."""
    done = archive.run(
        "store", archive.host, str(archive.port), "--aec", archive.aet, *map(str, files)
    )
    assert done.returncode == 0, done.stderr


@contextmanager
def storescp(folder: Path, port: int) -> Iterator[Path]:
    """DCMTK's storescp as RECEIVER: keeps what it gets bit by bit, in any transfer syntax."""
    folder.mkdir()
    command = ["/usr/bin/storescp", "+B", "+xa", "-aet", "RECEIVER", "-od", str(folder), str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            wait_for_listener("127.0.0.1", port)
            yield folder
        finally:
            process.terminate()


def test_echoscu_is_answered(archive: ServedArchive, dcmtk: Dcmtk) -> None:
    done = dcmtk("echoscu", "-aec", archive.aet, archive.host, archive.port)
    assert done.returncode == 0, done.stderr


def test_storescu_stores_what_dcmtk_reads_back_unchanged(
    archive: ServedArchive, dcmtk: Dcmtk, real_files: list[Path], tmp_path: Path
) -> None:
    """Little-endian files by storescu, one association each; then got back by getscu."""
    plain = [f for f in real_files if syntax_of(f).is_little_endian]
    plain = [f for f in plain if not syntax_of(f).is_compressed]
    for file in plain:
        done = dcmtk("storescu", "-R", "-aec", archive.aet, archive.host, archive.port, file)
        assert done.returncode == 0, f"{file.name}: {done.stderr}"
    out = get_everything(archive, dcmtk, plain, tmp_path)
    sent = {sop_instance_uid(f): pydicom.dcmread(f) for f in plain}
    got = {sop_instance_uid(f): pydicom.dcmread(f) for f in out}
    assert got.keys() == sent.keys()
    for uid, ds in got.items():
        assert ds.PatientID == sent[uid].PatientID
        assert ds.get("PixelData") == sent[uid].get("PixelData")
    assert archive.command("verify").returncode == 0


def test_dcmsend_stores_every_transfer_syntax(
    archive: ServedArchive, dcmtk: Dcmtk, real_files: list[Path]
) -> None:
    done = dcmtk("dcmsend", "-aec", archive.aet, "-v", archive.host, archive.port, *real_files)
    assert done.returncode == 0, done.stderr
    stored = [syntax_of(file) for file in archive.objects()]
    assert len(stored) == len(real_files)
    # dcmsend itself turns all that is not compressed into explicit little endian.
    sent = [syntax_of(file) for file in real_files]
    assert compressed(stored) == compressed(sent)
    assert archive.command("verify").returncode == 0


def compressed(syntaxes: list[UID]) -> Counter[str]:
    return Counter(syntax.name for syntax in syntaxes if syntax.is_compressed)


def syntax_of(file: Path) -> UID:
    return UID(pydicom.filereader.read_file_meta_info(file).TransferSyntaxUID)


def get_everything(
    archive: ServedArchive, dcmtk: Dcmtk, files: list[Path], folder: Path
) -> list[Path]:
    """C-GET of each study among ``files`` into a folder of its own."""
    got: list[Path] = []
    studies = sorted(
        {str(pydicom.dcmread(f, stop_before_pixels=True).StudyInstanceUID) for f in files}
    )
    for number, study in enumerate(studies):
        out = folder / f"get{number}"
        out.mkdir()
        done = dcmtk(
            "getscu", "-S", "+B", "-aec", archive.aet, archive.host, archive.port, "-od", out,
            "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study}",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        got += list(out.iterdir())
    return got


@pytest.mark.parametrize(("flag", "patient_level"), [("-P", True), ("-S", False)])
def test_findscu_finds_at_every_level(
    archive: ServedArchive, dcmtk: Dcmtk, real_files: list[Path], flag: str, patient_level: bool
) -> None:
    pacs_store(archive, real_files)
    ct = next(f for f in real_files if f.name == "CT_small.dcm")
    ds = pydicom.dcmread(ct, stop_before_pixels=True)

    def find(level: str, *keys: str) -> str:
        arguments = [item for key in keys for item in ("-k", key)]
        done = dcmtk(
            "findscu", flag, "-aec", archive.aet, archive.host, archive.port,
            "-k", f"QueryRetrieveLevel={level}", *arguments,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    patient = [f"PatientID={ds.PatientID}"] if patient_level else []
    if patient_level:
        assert str(ds.PatientName) in find("PATIENT", "PatientName", *patient)
    study = [*patient, f"StudyInstanceUID={ds.StudyInstanceUID}"]
    assert ds.StudyInstanceUID in find("STUDY", *patient, "StudyInstanceUID")
    assert "[CT" in find("STUDY", *study, "ModalitiesInStudy")
    series = [*study, f"SeriesInstanceUID={ds.SeriesInstanceUID}"]
    assert ds.SeriesInstanceUID in find("SERIES", *study, "SeriesInstanceUID", "Modality=C*")
    assert ds.SOPInstanceUID in find("IMAGE", *series, "SOPInstanceUID", "SliceThickness")


@pytest.mark.parametrize("flag", ["-P", "-S"])
def test_movescu_moves_to_storescp_byte_for_byte(
    archive: ServedArchive,
    dcmtk: Dcmtk,
    real_files: list[Path],
    tmp_path: Path,
    receiver_port: int,
    flag: str,
) -> None:
    if flag == "-P":  # a Patient Root retrieval names its patient, and some files have none
        real_files = [f for f in real_files if pydicom.dcmread(f).get("PatientID")]
    pacs_store(archive, real_files)
    keys = {sop_instance_uid(f): pydicom.dcmread(f, stop_before_pixels=True) for f in real_files}
    with storescp(tmp_path / "moved", receiver_port) as folder:
        for study, patient in {(d.StudyInstanceUID, d.get("PatientID")) for d in keys.values()}:
            extra = ["-k", f"PatientID={patient}"] if flag == "-P" else []
            done = dcmtk(
                "movescu", flag, "-aec", archive.aet, "-aem", "RECEIVER", archive.host,
                archive.port, "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study}",
                *extra,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
        assert by_uid(folder.iterdir()) == by_uid(iter(real_files))


def test_movescu_to_an_unknown_destination_is_told_so(
    archive: ServedArchive, dcmtk: Dcmtk, real_files: list[Path]
) -> None:
    pacs_store(archive, real_files[:1])
    study = pydicom.dcmread(real_files[0], stop_before_pixels=True).StudyInstanceUID
    done = dcmtk(
        "movescu", "-S", "-d", "-aec", archive.aet, "-aem", "NOBODY", archive.host, archive.port,
        "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study}",
    )  # fmt: skip
    assert "0xa801" in done.stderr


def test_getscu_gets_byte_for_byte(
    archive: ServedArchive, dcmtk: Dcmtk, real_files: list[Path], tmp_path: Path
) -> None:
    """Explicit little endian is what a stock getscu takes first, so it comes as it is stored."""
    explicit = [f for f in real_files if syntax_of(f) == pydicom.uid.ExplicitVRLittleEndian]
    pacs_store(archive, explicit)
    out = get_everything(archive, dcmtk, explicit, tmp_path)
    assert by_uid(iter(out)) == by_uid(iter(explicit))
