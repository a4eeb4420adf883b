"""The program runs for every stored instance, at least once, and never instead of the store."""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from pynetdicom import AE
from pynetdicom.sop_class import CTImageStorage

from pacs_exec import plugin
from pacs_exec.run import arguments, run_for
from pacs_exec.settings import ExecSettings
from pacs_framework.archive.changes import Change, ChangeKind
from pacs_framework.archive.incoming import Origin
from pacs_framework.errors import PluginError
from pacs_framework.plugins import PluginSet
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.process import ServedArchive, served

CHANGE = Change(
    sequence=7,
    kind=ChangeKind.STORED,
    at=dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
    patient_id="P1",
    issuer_of_patient_id="",
    study_instance_uid="1.2.3",
    series_instance_uid="1.2.3.4",
    sop_instance_uid="1.2.3.4.5",
    sop_class_uid=CTImageStorage,
    origin=Origin(door="dimse", calling_aet="{file}", called_aet="PACS"),
)


def test_placeholders_are_filled_in_one_pass() -> None:
    """A value that looks like a placeholder stays a value, and unknown ones stay as they are."""
    template = ("{calling_aet}", "a{sop_instance_uid}b{sequence}", "{nothing}", "{", "{}", "x}y")
    filled = arguments(template, CHANGE, Path("/f"))
    assert filled == ["{file}", "a1.2.3.4.5b7", "{nothing}", "{", "{}", "x}y"]


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (
            (sys.executable, "-c", "import sys; sys.exit('no disk')"),
            f"{sys.executable!r} ended with exit code 1: no disk",
        ),
        (("/no/such/program",), "'/no/such/program' cannot be run: No such file or directory"),
    ],
)
def test_a_program_that_fails_is_told_to_the_feed(program: tuple[str, ...], message: str) -> None:
    with pytest.raises(PluginError) as caught:
        run_for(CHANGE, None, ExecSettings(on_stored=program))
    assert str(caught.value) == message


def test_a_program_that_hangs_is_killed() -> None:
    waits = (sys.executable, "-c", "import time; time.sleep(600)")
    with pytest.raises(PluginError, match=r"took longer than 0\.2 s"):
        run_for(CHANGE, None, ExecSettings(on_stored=waits, timeout=0.2))


def test_without_a_program_nobody_reads_the_feed() -> None:
    """An archive pays only for what it is told to do."""
    with closing(PluginSet.with_local({"exec": plugin})) as plugins:
        assert plugins.notify_consumers("on_stored") == {}
        assert plugins.idle_consumers("on_stored") == {"exec"}
        plugins.bind_settings({"exec": ExecSettings(on_stored=("/bin/true",))})
        assert list(plugins.notify_consumers("on_stored")) == ["exec"]


COPIES = """
import os, shutil, sys
shutil.copy(sys.argv[1], sys.argv[2])
with open(sys.argv[3], "w") as pipe:
    pipe.write(" ".join(sys.argv[4:]) + "\\n")
"""


@pytest.fixture
def stored() -> Callable[[ServedArchive], object]:
    def store(archive: ServedArchive) -> object:
        instance = make_instance()
        ae = AE(ae_title="CT1")
        ae.add_requested_context(CTImageStorage, instance.file_meta.TransferSyntaxUID)
        association = ae.associate(archive.host, archive.port, ae_title=archive.aet)
        assert association.send_c_store(instance).Status == 0x0000
        association.release()
        return instance

    return store


def test_the_program_gets_the_file_and_the_facts_of_each_stored_instance(
    tmp_path: Path, stored: Callable[[ServedArchive], object]
) -> None:
    """The program writes into a pipe, and the test waits for that."""
    pipe, copy = tmp_path / "pipe", tmp_path / "copy.dcm"
    os.mkfifo(pipe)
    program = [sys.executable, "-c", COPIES, "{file}", str(copy), str(pipe)]
    program += ["{calling_aet}", "{sop_instance_uid}"]
    config = f"[plugin.exec]\non_stored = {json.dumps(program)}\n"
    with served(tmp_path / "archive", config=config) as archive:
        instance = stored(archive)
        with pipe.open() as said:
            assert said.readline() == f"CT1 {instance.SOPInstanceUID}\n"
        assert copy.read_bytes() == archive.objects()[0].read_bytes()


FAILS = """
import sys
with open(sys.argv[1], "w") as pipe:
    pipe.write("was here\\n")
sys.exit("the disk of the program is full")
"""


def test_an_instance_is_stored_and_stays_while_the_program_fails(
    tmp_path: Path, stored: Callable[[ServedArchive], object]
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    program = json.dumps([sys.executable, "-c", FAILS, str(pipe)])
    with served(tmp_path / "archive", config=f"[plugin.exec]\non_stored = {program}\n") as archive:
        stored(archive)
        assert pipe.read_text() == "was here\n"
        stored(archive)
        assert len(archive.objects()) == 2
        assert archive.stop() == 0
    assert "the disk of the program is full" in archive.log_text()
    assert '"plugin": "exec"' in archive.log_text()
