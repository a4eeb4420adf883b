"""``pacs commitment``: peers are asked, their reports are kept, and both can be looked at."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner
from pydicom import Dataset
from pydicom.uid import CTImageStorage, generate_uid
from pynetdicom import AE, build_role, evt
from structlog.testing import capture_logs

from pacs_framework.cli.main import main
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.process import ServedArchive, served
from pacs_framework.testing.sockets import free_port
from pacs_storage_commitment import plugin
from pacs_storage_commitment.datasets import report_dataset
from pacs_storage_commitment.model import PUSH_MODEL, WELL_KNOWN_INSTANCE, Reference, Report
from pacs_storage_commitment.tables import NAME

sys.path.insert(0, str(Path(__file__).parent))  # in importlib mode it is not there

from commitment_peers import SYNTAXES, Modality, reference


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedArchive]:
    """The archive that asks: it listens for reports, under the AE title OURS."""
    with served(tmp_path_factory.mktemp("ours"), aet="OURS") as running:
        yield running


@pytest.fixture
def instances(tmp_path: Path) -> list[Dataset]:
    """Two, in files."""
    folder = tmp_path / "files"
    folder.mkdir()
    made = [make_instance() for _ in range(2)]
    for number, instance in enumerate(made):
        instance.save_as(folder / f"{number}.dcm", enforce_file_format=True)
    return made


class Done(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


def request(ours: ServedArchive, peer: Any, *arguments: object) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON of ``pacs commitment request``."""
    where = (peer.host, peer.port, "--aec", peer.aet, "--aet", ours.aet)
    done = commitment(ours, "request", *where, "--json", *arguments)
    return done.returncode, json.loads(done.stdout) if done.stdout else {"error": done.stderr}


def commitment(ours: ServedArchive, *arguments: object) -> Done:
    """``pacs commitment …`` on the archive that asks, in this process, because that is quicker."""
    with capture_logs():
        done = CliRunner().invoke(
            main, ["commitment", *map(str, arguments), "--config", str(ours.config)]
        )
    if isinstance(done.exception, Exception):
        raise done.exception
    return Done(done.exit_code, done.stdout, done.stderr)


def shown(ours: ServedArchive, uid: str) -> dict[str, Any]:
    (found,) = json.loads(commitment(ours, "show", uid, "--json").stdout)
    return dict(found)


@pytest.mark.parametrize("same_association", [True, False])
def test_a_report_is_waited_for_wherever_it_comes(
    ours: ServedArchive,
    pacs_archive: Archives,
    instances: list[Dataset],
    tmp_path: Path,
    same_association: bool,
) -> None:
    """On the association of the request, or on one to the archive that runs beside the command."""
    theirs = pacs_archive(
        {NAME: plugin},
        settings={
            "plugin": {NAME: {"same_association": same_association}},
            "peers": {"ours": {"aet": "OURS", "host": ours.host, "port": ours.port}},
        },
    )
    theirs.take_in(*instances)
    files = sorted(tmp_path.glob("files/*.dcm"))
    code, told = request(ours, theirs, *files)
    assert (code, told["state"], told["asked"]) == (0, "committed", "by us"), told
    assert [each["committed"] for each in told["results"]] == [True, True]
    assert shown(ours, told["transaction_uid"]) == told


def test_an_archive_that_asks_itself_is_told_too(
    ours: ServedArchive, instances: list[Dataset], tmp_path: Path
) -> None:
    """To try it out; there are two transactions then, of which this is the one that it asked."""
    files = tmp_path / "files"
    done = ours.run("import", "--config", ours.config, files)
    assert done.returncode == 0, done.stderr
    code, told = request(ours, ours, files)
    assert (code, told["state"], told["asked"]) == (0, "committed", "by us"), told
    assert len(told["results"]) == len(instances)


def test_what_a_peer_does_not_have_is_told(
    ours: ServedArchive, pacs_archive: Archives, instances: list[Dataset], tmp_path: Path
) -> None:
    """Exit code 1, and each instance with its reason."""
    theirs = pacs_archive({NAME: plugin})
    theirs.take_in(instances[0])
    code, told = request(ours, theirs, tmp_path / "files")
    assert (code, told["state"], told["failed"]) == (1, "refused", 1)
    by_uid = {each["sop_instance_uid"]: each["failure_reason"] for each in told["results"]}
    assert by_uid == {instances[0].SOPInstanceUID: "", instances[1].SOPInstanceUID: "0112"}
    done = commitment(ours, "show", told["transaction_uid"])
    assert "no such object instance (0112H)" in done.stdout


def test_studies_of_the_archive_are_asked_for_by_their_uid(
    ours: ServedArchive, pacs_archive: Archives, instances: list[Dataset], tmp_path: Path
) -> None:
    """Every stored instance of the study; an unknown study is an error."""
    theirs = pacs_archive({NAME: plugin})
    theirs.take_in(*instances)
    assert ours.command("import", tmp_path / "files").returncode == 0
    code, told = request(ours, theirs, "--study", instances[0].StudyInstanceUID)
    assert (code, [each["sop_instance_uid"] for each in told["results"]]) == (
        0,
        [instances[0].SOPInstanceUID],
    )
    code, told = request(ours, theirs, "--study", "1.2.3")
    assert code == 1
    assert "there are no instances to ask for" in told["error"]


def test_a_peer_that_cannot_be_asked_is_an_error(
    ours: ServedArchive, pacs_archive: Archives, instances: list[Dataset], tmp_path: Path
) -> None:
    """Nobody there; somebody who knows nothing of storage commitment."""
    done = commitment(ours, "request", "127.0.0.1", free_port(), tmp_path / "files")
    assert (done.returncode, "was not asked: cannot connect" in done.stderr) == (1, True)
    code, told = request(ours, pacs_archive({}), tmp_path / "files")
    assert code == 1
    assert "does not accept the Storage Commitment Push Model" in told["error"]
    done = commitment(ours, "request", "127.0.0.1", free_port())
    assert (done.returncode, "give PATHS or --study" in done.stderr) == (2, True)


def test_a_report_that_comes_late_is_kept_by_the_archive(
    ours: ServedArchive, instances: list[Dataset], tmp_path: Path
) -> None:
    """Exit code 3 without one; it comes days later on an association of the peer's, once."""
    asked: list[str] = []

    def act(event: evt.Event) -> tuple[int, None]:
        asked.append(str(event.action_information.TransactionUID))
        return 0, None

    ae = AE("THEIRS")
    ae.add_supported_context(PUSH_MODEL, SYNTAXES)
    handlers = [(evt.EVT_N_ACTION, act)]
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    where = ("127.0.0.1", server.server_address[1], "--aec", "THEIRS", "--aet", "OURS")
    try:
        done = commitment(ours, "request", *where, tmp_path / "files", "--wait", 0.1)
    finally:
        server.shutdown()
    assert (done.returncode, "asked" in done.stdout) == (3, True)
    (uid,) = asked
    first, second = map(reference, instances)
    assert tell(ours, Report(transaction_uid=uid, committed=(first,), failed={})) == 0
    found = shown(ours, uid)
    assert (found["state"], found["failed"]) == ("refused", 1)
    assert found["error"] == "1 instances are not in the report"
    # The first report counts.
    assert tell(ours, Report(transaction_uid=uid, committed=(first, second), failed={})) == 0
    assert shown(ours, uid) == found


def tell(
    ours: ServedArchive, report: Report, *, event_type: int = 1, instance: str = WELL_KNOWN_INSTANCE
) -> int:
    """N-EVENT-REPORT as SCP by role negotiation; its status."""
    ae = AE("THEIRS")
    ae.add_requested_context(PUSH_MODEL, SYNTAXES)
    association = ae.associate(
        ours.host, ours.port, ae_title="OURS", ext_neg=[build_role(PUSH_MODEL, scp_role=True)]
    )
    assert association.is_established
    information = report_dataset(report, "THEIRS")
    status, _ = association.send_n_event_report(information, event_type, PUSH_MODEL, instance)
    association.release()
    return int(status.Status)


def test_reports_that_nobody_asked_for_are_refused(ours: ServedArchive) -> None:
    """0115H, 0113H and 0112H; nothing is kept."""
    before = commitment(ours, "list", "--json").stdout
    report = Report(
        transaction_uid=str(generate_uid()),
        committed=(Reference(str(CTImageStorage), "1.2.3"),),
        failed={},
    )
    assert tell(ours, report) == 0x0115
    assert tell(ours, report, event_type=3) == 0x0113
    assert tell(ours, report, instance="1.2.3") == 0x0112
    empty = Report(transaction_uid=report.transaction_uid, committed=(), failed={})
    assert tell(ours, empty) == 0x0115
    assert commitment(ours, "list", "--json").stdout == before


def test_what_peers_ask_is_listed_and_sent_again(ours: ServedArchive) -> None:
    """As a table and as JSON, by state; `retry` wakes the archive, which tries at once."""
    uid = str(generate_uid())
    Modality("CT9").ask(ours, uid, [Reference(str(CTImageStorage), "1.2.3")])
    assert commitment(ours, "retry", "1.2.3").returncode == 1
    done = commitment(ours, "retry", uid)
    assert (done.returncode, done.stdout) == (0, f"the report of {uid} is due\n")
    table = commitment(ours, "list", "--state", "reporting").stdout
    assert (uid in table, "CT9" in table, "of us" in table) == (True, True, True)
    listed = json.loads(commitment(ours, "list", "--json", "--limit", "1").stdout)
    assert [each["transaction_uid"] for each in listed] == [uid]
    done = commitment(ours, "show", "1.2.3")
    assert (done.returncode, "there is no transaction '1.2.3'" in done.stderr) == (1, True)
