"""A plugin with a process of its own may hang, leak and die; nothing else notices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid

from pacs_framework.dicom.status import Status
from pacs_framework.live import ask
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.process import ServedArchive

from .isolation import Notes, Serve, eventually, hook_figures, limits, log_lines

Store = Callable[[ServedArchive, Dataset], Dataset]

PROCESS = """
    import os
    import subprocess
    import sys
    import time
    from pathlib import Path
    from pacs_framework import hookimpl
    from pacs_framework.archive.incoming import Refusal

    HOARD = []

    def leak():
        while True:
            HOARD.append(bytes(1 << 20))

    @hookimpl
    def on_stored(change, archive):
        folder = Path(os.environ["ISOLATION_NOTES"]).parent
        with archive.open_file(change.sop_instance_uid) as source:
            assert source.read(132)[128:] == b"DICM"
        with (folder / "pids").open("a") as pids:
            pids.write(f"{os.getpid()}\\n")
        if not (folder / "mended").exists():
            WAY
        with (folder / "late").open("a") as notes:
            notes.write(f"{change.sop_instance_uid}\\n")
"""


SEVERAL = """
    import os
    from pathlib import Path
    from pacs_framework import hookimpl

    @hookimpl
    def on_stored(changes):
        folder = Path(os.environ["ISOLATION_NOTES"]).parent
        with (folder / "late").open("a") as notes:
            notes.writelines(f"{change.sop_instance_uid}\\n" for change in changes)
"""


def source_of(way: str) -> str:
    return PROCESS.replace("WAY", way)


def instances(number: int) -> list[Dataset]:
    return [make_instance(SOPInstanceUID=generate_uid()) for _ in range(number)]


def pids(notes: Notes) -> list[int]:
    file = notes.file.with_name("pids")
    return [int(pid) for pid in file.read_text().split()] if file.exists() else []


def late(notes: Notes) -> list[str]:
    file = notes.file.with_name("late")
    return file.read_text().split() if file.exists() else []


def lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def test_it_is_called_in_a_process_of_its_own(serve: Serve, store: Store, notes: Notes) -> None:
    """One for all changes; it ends in order with the archive."""
    archive = serve(source_of("pass"), limits(process=True))
    stored = instances(3)
    for instance in stored:
        assert store(archive, instance).Status == Status.SUCCESS
    eventually(lambda: late(notes) == [each.SOPInstanceUID for each in stored])
    (pid,) = set(pids(notes))
    assert pid != archive.process.pid
    (process,) = ask(archive.data, "figures")
    assert process["processes"] == {"bad": pid}
    figures = hook_figures(archive, "bad", "on_stored")
    assert (figures["calls"], figures["errors"]) == (3, 0)
    assert archive.stop() == 0
    assert not lives(pid)


def test_one_that_takes_several_changes_gets_them_there(
    serve: Serve, store: Store, notes: Notes
) -> None:
    archive = serve(SEVERAL, limits(process=True))
    stored = instances(3)
    for instance in stored:
        assert store(archive, instance).Status == Status.SUCCESS
    eventually(lambda: late(notes) == [each.SOPInstanceUID for each in stored])
    assert archive.stop() == 0


@pytest.mark.parametrize(
    ("way", "kind", "reason"),
    [
        ("os._exit(3)", "ProcessDied", "its process ended with exit code 3"),
        ("os.kill(os.getpid(), 11)", "ProcessDied", "its process was killed by signal 11"),
        ("leak()", "MemoryError", ""),
        ("raise ValueError('Doe^Jane')", "ValueError", ""),
        ("sys.exit()", "SystemExit", ""),
    ],
)
def test_one_that_dies_leaks_or_raises_takes_nothing_along(
    serve: Serve, store: Store, notes: Notes, way: str, kind: str, reason: str
) -> None:
    """Others go on; when it works again it gets every change, in order."""
    config = limits(process=True, memory="400 MiB", failures=2, retry_after=0.2)
    archive = serve(source_of(way), config)
    stored = instances(2)
    uids = [instance.SOPInstanceUID for instance in stored]
    for instance in stored:
        assert store(archive, instance).Status == Status.SUCCESS
    eventually(lambda: notes.uids() == uids)
    raised = eventually(lambda: [line for line in log_lines(archive, "bad") if "error" in line])[0]
    assert (raised["event"], raised["hook"]) == ("plugin raised in hook", "on_stored")
    assert (raised["error"], raised["reason"]) == (kind, reason)
    assert store(archive, *instances(1)).Status == Status.SUCCESS
    assert late(notes) == []
    assert "Doe" not in archive.log_text()
    notes.mend()
    eventually(lambda: late(notes)[:2] == uids)
    if kind in ("ProcessDied", "MemoryError"):
        assert len(set(pids(notes))) > 1, "a new process, with the memory of the old one freed"
    assert archive.stop() == 0


def test_one_that_hangs_is_killed_with_all_it_has_started(
    serve: Serve, store: Store, notes: Notes
) -> None:
    """Though it never lets go of the interpreter; the change is then given to a new process."""
    way = (
        "child = subprocess.Popen(['sleep', '3600'])\n"
        "            with (folder / 'children').open('a') as children:\n"
        "                children.write(f'{child.pid}\\n')\n"
        "            while True: pass"
    )
    archive = serve(
        source_of(way), limits(process=True, notify_seconds=0.5, failures=1, retry_after=0.2)
    )
    [instance] = instances(1)
    store(archive, instance)
    eventually(lambda: notes.uids() == [instance.SOPInstanceUID])
    eventually(lambda: hook_figures(archive, "bad", "on_stored")["overruns"])
    hung = pids(notes)[0]
    eventually(lambda: not lives(hung))
    notes.mend()
    eventually(lambda: late(notes) == [instance.SOPInstanceUID])
    started = notes.file.with_name("children").read_text().split()
    assert started
    eventually(lambda: not any(lives(int(pid)) for pid in started))
    events = {line["event"] for line in log_lines(archive, "bad")}
    assert {"plugin ran over its time in hook", "plugin circuit opened"} <= events


def test_it_ends_when_the_archive_is_killed(serve: Serve, store: Store, notes: Notes) -> None:
    """Also in the middle of a loop that never lets go of the interpreter."""
    archive = serve(source_of("while True: pass"), limits(process=True))
    store(archive, *instances(1))
    (pid,) = eventually(lambda: pids(notes))
    assert lives(pid)
    archive.kill()
    eventually(lambda: not lives(pid))


def test_what_it_stores_is_judged_by_the_other_plugins(
    serve: Serve, store: Store, notes: Notes
) -> None:
    """A process of its own is no way around those that guard the archive."""
    source = source_of(
        "from pacs_framework.archive.incoming import Origin\n"
        "            from pacs_framework.dicom.file_meta import FileMeta\n"
        "            try:\n"
        "                archive.import_file(folder / 'x.dcm', Origin(door='process'))\n"
        "            except Exception as error:\n"
        "                (folder / 'refused').write_text(str(error))\n"
    ) + (
        "\n    @hookimpl\n"
        "    def on_store(instance):\n"
        "        if instance.origin.door == 'process':\n"
        "            return Refusal(reason='not through this door')\n"
    )
    archive = serve(source, limits(process=True))
    make_instance().save_as(notes.file.with_name("x.dcm"))
    store(archive, *instances(1))
    refused = notes.file.with_name("refused")
    eventually(lambda: refused.exists() and refused.read_text() == "not through this door")


def test_too_little_memory_is_told(serve: Serve, store: Store, notes: Notes) -> None:
    """With what to give; the change waits."""
    archive = serve(source_of("pass"), limits(process=True, memory="1 MiB"))
    store(archive, *instances(1))
    eventually(notes.uids)
    line = eventually(lambda: [one for one in log_lines(archive, "bad") if "error" in one])[0]
    assert line["error"] == "ConfigurationError"
    assert line["reason"].startswith("memory = 1 MiB is too little: the process takes ")
    assert pids(notes) == []


def test_the_configuration_says_when_there_is_nothing_to_call(serve: Serve) -> None:
    """The start stops."""
    judge = "from pacs_framework import hookimpl\n@hookimpl\ndef on_store(): ...\n"
    with pytest.raises(RuntimeError, match="implements no NOTIFY hook"):
        serve(judge, limits(process=True))
