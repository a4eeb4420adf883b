"""Archives in processes of their own: killed while they take in, backed up, restored, verified."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from pydicom.uid import ExplicitVRLittleEndian

from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.errors import PacsError
from pacs_framework.network.requestor import connect
from pacs_framework.network.service import CommandField
from pacs_framework.testing.process import ServedArchive, served
from pacs_framework.testing.running import proposals

_SECONDS = 60


def listed(archive: ServedArchive) -> dict[str, str]:
    """SOP Instance UID → SHA-256, by the command."""
    done = archive.run("non-patient", "list", "--config", archive.config, "--json")
    assert done.returncode == 0, done.stderr
    return {each["sop_instance_uid"]: each["sha256"] for each in json.loads(done.stdout)}


def send(archive: ServedArchive, datasets, noted) -> None:
    """Store one after the other, and note what was answered with success."""
    sop_class = str(datasets[0].SOPClassUID)
    with connect(
        archive.host,
        archive.port,
        calling_aet="SENDER",
        called_aet=archive.aet,
        contexts=proposals([sop_class]),
    ) as association:
        context = association.context_for(sop_class, ExplicitVRLittleEndian)
        for dataset in datasets:
            data = encode_identifier(dataset, ExplicitVRLittleEndian)
            elements = {"AffectedSOPInstanceUID": str(dataset.SOPInstanceUID), "Priority": 0}
            number = association.send_request(context, CommandField.C_STORE, elements, data)
            if association.receive_response(number).status == 0:
                noted(dataset)


def test_what_was_acknowledged_is_there_after_kill_9(tmp_path: Path, hanging_protocol, arrived):
    """Killed in the middle, twice: everything with a SUCCESS is there, byte for byte."""
    acknowledged: dict[str, str] = {}
    for turn in range(2):
        enough = threading.Event()

        def noted(dataset, enough=enough, turn=turn) -> None:
            acknowledged[str(dataset.SOPInstanceUID)] = arrived(dataset).digest.hex()
            if len(acknowledged) >= 30 * (turn + 1):
                enough.set()

        def run(archive, noted=noted) -> None:
            datasets = [hanging_protocol() for _ in range(3000)]
            try:
                send(archive, datasets, noted)
            except (PacsError, OSError):
                return

        with served(tmp_path) as archive:
            sender = threading.Thread(target=run, args=(archive,))
            sender.start()
            assert enough.wait(_SECONDS)
            archive.kill()
            sender.join(_SECONDS)
            assert not sender.is_alive()
    with served(tmp_path) as archive:
        there = listed(archive)
    assert acknowledged.items() <= there.items()
    assert len(acknowledged) < 3000  # it was in the middle


def test_a_backup_carries_them_and_nobody_takes_them_for_orphans(
    tmp_path: Path, one_of_each
) -> None:
    """Also to PostgreSQL; `pacs verify` has nothing to say, before and behind it."""
    with served(tmp_path / "one") as archive:
        send(archive, [one_of_each[2]], lambda _: None)
        before = listed(archive)
        assert len(before) == 1
        verified = archive.command("verify", "--json")
        assert verified.returncode == 0, verified.stdout
        done = archive.command("backup", tmp_path / "backup")
        assert done.returncode == 0, done.stderr
    with served(tmp_path / "two") as other:
        other.stop()
        done = other.run("restore", tmp_path / "backup", "--data", tmp_path / "three" / "data")
        assert done.returncode == 0, done.stderr
    with served(tmp_path / "three") as restored:
        assert listed(restored) == before
        assert restored.command("verify", "--json").returncode == 0


@pytest.mark.postgresql
def test_a_backup_goes_from_one_engine_to_the_other(
    tmp_path: Path, pacs_postgres, one_of_each
) -> None:
    with served(tmp_path / "one") as archive:
        send(archive, [one_of_each[2]], lambda _: None)
        before = listed(archive)
        assert archive.command("backup", tmp_path / "backup").returncode == 0
    url = pacs_postgres.new_database()
    config = tmp_path / "pg.toml"
    data = tmp_path / "two" / "data"
    config.write_text(f'[archive]\ndata = "{data}"\n[index]\nurl = "{url}"\n', "utf-8")
    done = archive.run("restore", tmp_path / "backup", "--config", config)
    assert done.returncode == 0, done.stderr
    with served(tmp_path / "two", config=f'[index]\nurl = "{url}"\n') as restored:
        assert listed(restored) == before
