"""``pacs serve`` as its users meet it."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.data import get_testdata_file
from pynetdicom.sop_class import (
    CTImageStorage,
    StudyRootQueryRetrieveInformationModelFind,
    Verification,
)

from pacs_framework.dicom.status import Status
from pacs_framework.testing.forked import run_module
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.process import ServedArchive, served

Store = Callable[[ServedArchive, Dataset], Dataset]
Associate = Callable[..., object]


def pacs(*arguments: object, **options: Path) -> subprocess.CompletedProcess[str]:
    return run_module("pacs_framework.cli", *map(str, arguments), **options)


def test_pacs_echo_and_store_and_verify_on_a_fresh_archive(
    archive: ServedArchive, tmp_path: Path
) -> None:
    done = archive.run("echo", archive.host, archive.port, "--aec", archive.aet)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(3):
        make_instance().save_as(folder / f"{number}.dcm", enforce_file_format=True)
    (folder / "notes.txt").write_text("not DICOM")
    done = archive.run("store", archive.host, archive.port, "--aec", archive.aet, folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "3 stored (0 with a warning), 0 failed, 1 skipped\n"
    done = archive.command("verify", "--json")
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout)["instances"] == 3


def test_sigterm_and_sigint_stop_it_with_exit_code_0(tmp_path: Path) -> None:
    for sign in (signal.SIGTERM, signal.SIGINT):
        with served(tmp_path / sign.name) as running:
            running.process.send_signal(sign)
            assert running.process.wait(20) == 0


def test_it_stops_while_associations_are_open(tmp_path: Path, associate: Associate) -> None:
    with served(tmp_path / "archive") as running:
        open_ones = [associate(running, Verification) for _ in range(5)]
        assert all(association.is_established for association in open_ones)
        assert running.stop() == 0
    assert "Traceback" not in running.log_text()


def test_two_workers_are_one_archive(tmp_path: Path, store: Store) -> None:
    """What one process stored, every other one finds."""
    with served(tmp_path / "archive", options=("--workers", "2")) as running:
        for _ in range(8):
            assert store(running, make_instance()).Status == Status.SUCCESS
        done = running.run("echo", running.host, running.port, "--aec", running.aet)
        assert done.returncode == 0, done.stderr
        assert len(running.objects()) == 8
        assert running.stop() == 0
    assert running.command("verify").returncode == 0


def test_workers_end_in_order_when_they_are_asked_to(tmp_path: Path, associate: Associate) -> None:
    """The supervisor tells of each that does not."""
    with served(tmp_path / "archive", options=("--workers", "2")) as running:
        assert associate(running, Verification).is_established
        assert running.stop() == 0
    assert "stopped listening" in running.log_text()
    assert "worker ended badly" not in running.log_text()
    assert "Fatal Python error" not in running.log_text()


def test_workers_that_are_still_starting_end_in_order_too(tmp_path: Path) -> None:
    with served(tmp_path / "archive", options=("--workers", "4")) as running:
        assert running.stop() == 0
    assert "worker ended badly" not in running.log_text()
    assert "worker does not stop" not in running.log_text()


def test_workers_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    with served(tmp_path / "archive", options=("--workers", "2")) as running:
        children = Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children")
        workers = [os.pidfd_open(int(pid)) for pid in children.read_text().split()]
        running.kill()
        for worker in workers:
            ended, _, _ = select.select([worker], [], [], 50)  # it may have yet to start
            os.close(worker)
            assert ended


def test_a_worker_that_is_killed_is_replaced(tmp_path: Path, store: Store) -> None:
    with served(tmp_path / "archive", options=("--workers", "2")) as running:
        children = Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children")
        workers = children.read_text().split()
        assert len(workers) == 2
        for worker in workers:
            subprocess.run(["kill", "-9", worker], check=True)
        assert store(running, make_instance()).Status == Status.SUCCESS
        assert running.stop() == 0
    assert "worker died and is replaced" in running.log_text()


def test_a_wrong_setting_stops_the_start_with_the_nearest_known_one(tmp_path: Path) -> None:
    config = tmp_path / "pacs.toml"
    config.write_text("[network]\nprot = 104\n")
    for command in ("serve", "check"):
        done = pacs(command, "--config", config)
        assert done.returncode == 1
        assert "'prot'" in done.stderr or "prot" in done.stderr
        assert "'port'" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_storage_scheme_without_a_plugin_stops_the_start(tmp_path: Path) -> None:
    config = tmp_path / "pacs.toml"
    config.write_text(f'[storage]\nurl = "s4://bucket"\n[archive]\ndata = "{tmp_path}"\n')
    for command in ("serve", "check"):
        done = pacs(command, "--config", config)
        assert done.returncode == 1
        assert "no active plugin provides the scheme 's4'" in done.stderr


def test_a_storage_url_that_its_plugin_cannot_open_stops_the_start(tmp_path: Path) -> None:
    """Before anything is made; and whoever checks the configuration hears of it too."""
    config = tmp_path / "pacs.toml"
    data = tmp_path / "data"
    config.write_text(f'[storage]\nurl = "file:relative"\n[archive]\ndata = "{data}"\n')
    for command in ("serve", "check"):
        done = pacs(command, "--config", config)
        assert done.returncode == 1
        assert "'file:relative' names no local folder" in done.stderr
    assert not [*data.rglob("*.sqlite")]


def test_a_port_in_use_is_said_so(archive: ServedArchive, tmp_path: Path) -> None:
    done = pacs("serve", "--port", archive.port, "--data", tmp_path / "other")
    assert done.returncode == 1
    assert str(archive.port) in done.stderr
    assert "Traceback" not in done.stderr


def test_without_plugins_it_starts_and_refuses_every_context(
    tmp_path: Path, associate: Associate
) -> None:
    deny = json.dumps([p.name.removeprefix("pacs-") for p in PLUGINS])
    with served(tmp_path / "archive", config=f"[plugins]\ndeny = {deny}\n") as running:
        association = associate(running, Verification, CTImageStorage)
        assert not association.accepted_contexts
        assert len(association.rejected_contexts) == 2
        assert running.stop() == 0


PLUGINS = sorted(path.parent for path in Path(__file__).parents[2].glob("plugins/*/pyproject.toml"))


def test_without_storage_an_instance_is_refused_with_a700(tmp_path: Path, store: Store) -> None:
    config = '[plugins]\ndeny = ["storage-filesystem"]\n'
    with served(tmp_path / "archive", config=config) as running:
        response = store(running, make_instance())
        assert response.Status == Status.OUT_OF_RESOURCES
        assert "no storage plugin is active" in response.ErrorComment


def test_pacs_plugins_lists_every_plugin_of_this_repository() -> None:
    done = pacs("plugins", "--json")
    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    for plugin in PLUGINS:
        row = rows[plugin.name.removeprefix("pacs-")]
        assert row["state"] == "active", row
        assert row["hooks"], row


def test_pacs_config_prints_a_file_that_pacs_check_accepts(tmp_path: Path) -> None:
    config = tmp_path / "pacs.toml"
    config.write_text(pacs("config").stdout)
    done = pacs("check", "--config", config)
    assert done.returncode == 0, done.stderr


def test_pacs_import_takes_files_in_beside_a_running_archive(
    archive: ServedArchive, tmp_path: Path
) -> None:
    good, bad = tmp_path / "good.dcm", tmp_path / "bad.dcm"
    make_instance().save_as(good, enforce_file_format=True)
    bad.write_bytes(b"nothing of the kind")
    done = archive.command("import", good)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "1 taken in, 0 failed\n"
    done = archive.command("import", "--json", bad)
    assert done.returncode == 1
    [row] = json.loads(done.stdout)
    assert row["error"]
    assert len(archive.objects()) == 1


def test_pacs_import_passes_over_the_data_of_the_archive_and_what_it_would_wait_for(
    archive: ServedArchive,
) -> None:
    """Among the data there are pipes, by which the processes of an archive wake each other."""
    folder = archive.data.parent
    os.mkfifo(folder / "pipe")
    for name in ("first.dcm", "second.dcm"):  # the second time, there are objects among the data
        make_instance().save_as(folder / name, enforce_file_format=True)
        done = archive.command("import", "--json", folder)
        rows = [Path(row["path"]) for row in json.loads(done.stdout)]
        assert folder / name in rows
        assert folder / "pipe" not in rows
        assert not [path for path in rows if path.is_relative_to(archive.data)]
    assert len(archive.objects()) == 2


def test_pacs_import_takes_a_disc_in_without_its_directory(
    archive: ServedArchive, tmp_path: Path
) -> None:
    """By what is in it: an instance may have any name."""
    directory = Path(get_testdata_file("DICOMDIR", download=False))
    disc = tmp_path / "disc"
    disc.mkdir()
    make_instance().save_as(disc / "instance", enforce_file_format=True)
    shutil.copy(directory, disc)
    assert archive.command("import", disc).stdout == "1 taken in, 0 failed\n"
    shutil.copy(disc / "instance", disc / "DICOMDIR")
    assert archive.command("import", disc).stdout == "2 taken in, 0 failed\n"
    assert archive.command("import", directory).returncode == 1


@pytest.mark.parametrize("name", ["serve", "store", "echo", "import", "verify", "reindex"])
def test_every_command_has_help_with_an_example(name: str) -> None:
    done = pacs(name, "--help")
    assert done.returncode == 0
    assert "Example:" in done.stdout


def test_the_log_at_level_info_holds_no_patient_data(
    archive: ServedArchive, associate: Associate, store: Store
) -> None:
    """Store, refuse, query: names, ids and birth dates stay out; each line has its association."""
    instance = make_instance(PatientName="Secretname^X", PatientID="SECRETID")
    assert store(archive, instance).Status == Status.SUCCESS
    association = associate(archive, StudyRootQueryRetrieveInformationModelFind)
    query = Dataset()
    query.QueryRetrieveLevel = "STUDY"
    query.PatientName = "Secretname*"
    query.PatientID = "SECRETID"
    model = StudyRootQueryRetrieveInformationModelFind
    answers = [answer for _, answer in association.send_c_find(query, model) if answer]
    association.release()
    assert [answer.PatientID for answer in answers] == ["SECRETID"]
    assert archive.stop() == 0
    log = archive.log_text()
    assert "secret" not in log.lower()
    lines = [json.loads(line) for line in log.splitlines()]
    on_associations = [line for line in lines if "association" in line["event"]]
    assert len(on_associations) >= 4
    assert all(line["association_id"] for line in on_associations)
