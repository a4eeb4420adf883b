"""C-ECHO in both roles, against an archive that runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pynetdicom import AE
from pynetdicom.sop_class import Verification

from pacs_framework.testing.process import ServedArchive, served
from pacs_framework.testing.sockets import free_port


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedArchive]:
    with served(tmp_path_factory.mktemp("archive")) as running:
        yield running


def test_an_independent_peer_is_answered_with_success(archive: ServedArchive) -> None:
    ae = AE()
    ae.add_requested_context(Verification)
    association = ae.associate(archive.host, archive.port)
    assert association.send_c_echo().Status == 0x0000
    association.release()


def test_pacs_echo_tells_how_long_the_answer_took(archive: ServedArchive) -> None:
    done = archive.run("echo", archive.host, archive.port, "--aec", "PACS")
    assert done.returncode == 0
    assert done.stdout.startswith(f"PACS at {archive.host}:{archive.port} answered in ")


def test_pacs_echo_says_what_is_wrong_when_nobody_listens(archive: ServedArchive) -> None:
    done = archive.run("echo", "127.0.0.1", free_port())
    assert done.returncode == 1
    assert "did not answer" in done.stderr
    assert "Traceback" not in done.stderr


def test_pacs_echo_says_that_it_was_rejected(tmp_path: Path) -> None:
    with served(tmp_path, config="[network]\ncheck_called_aet = true\n") as strict:
        done = strict.run("echo", strict.host, strict.port, "--aec", "SOMEONE")
        assert done.returncode == 1
        assert "rejected" in done.stderr
