"""The contract, and what an independent peer is told of a study."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pacs_framework.conformance.records import ServiceConformance
from pacs_framework.testing.running import RunningArchive, running_archive
from pacs_framework.testing.samples import STUDY, sample_instance
from pydicom import Dataset
from pynetdicom import AE
from pynetdicom.association import Association

from pacs_samplename import plugin
from pacs_samplename.contract import TestStudyStatus  # noqa: F401 - collected here
from pacs_samplename.service import STUDY_STATUS

NAME = "samplename"


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[RunningArchive]:
    """An archive with this plugin and two instances of one study."""
    with running_archive(tmp_path / "archive", {NAME: plugin}) as running:
        running.take_in(sample_instance(1), sample_instance(2))
        yield running


@pytest.fixture
def association(archive: RunningArchive) -> Iterator[Association]:
    """An association of pynetdicom, an implementation that is not ours."""
    host, port = archive.listener.address
    ae = AE(ae_title="PEER")
    ae.add_requested_context(STUDY_STATUS)
    established = ae.associate(host, port)
    assert established.is_established
    yield established
    established.release()


def ask(association: Association, study: str) -> tuple[int, Dataset | None]:
    """N-GET: the status, and the attribute list where there is one."""
    status, answer = association.send_n_get([], STUDY_STATUS, study)
    return int(status.Status), answer


def test_a_peer_is_told_how_much_of_a_study_is_here(association: Association) -> None:
    status, answer = ask(association, STUDY)
    assert status == 0x0000
    assert answer is not None
    assert answer.StudyInstanceUID == STUDY
    assert answer.NumberOfStudyRelatedSeries == 1
    assert answer.NumberOfStudyRelatedInstances == 2


def test_a_study_that_is_not_here_is_no_such_instance(association: Association) -> None:
    assert ask(association, "1.2.3.4.5.6.7.8.9") == (0x0112, None)


def test_the_next_request_is_answered_after_a_failure(association: Association) -> None:
    assert ask(association, "1.2.3.4.5.6.7.8.9")[0] == 0x0112
    assert ask(association, STUDY)[0] == 0x0000


def test_the_conformance_statement_tells_every_status_of_the_page() -> None:
    """The code, the statement and the README say the same."""
    [told] = [row for row in plugin.conformance() if isinstance(row, ServiceConformance)]
    page = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| ([0-9A-F]{4})H \|", page, re.MULTILINE)
    assert sorted(rows) == sorted(f"{status.status:04X}" for status in told.statuses)
