"""Run the configured program for one change, as DCMTK's storescp does on reception."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pacs_exec.settings import ExecSettings
from pacs_framework.archive.changes import Change
from pacs_framework.errors import ObjectNotFound, PluginError

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive

__all__ = ["arguments", "run_for"]

_LAST_WORDS = 200


def run_for(change: Change, archive: Archive, settings: ExecSettings) -> None:
    """Run the program and wait for it; raises PluginError when it fails or takes too long."""
    with tempfile.TemporaryDirectory(prefix="pacs-exec-") as folder:
        file = Path(folder) / "instance.dcm"
        if _wants_file(settings) and not _copy(change, archive, file):
            return
        command = arguments(settings.on_stored, change, file)
        try:
            done = subprocess.run(  # noqa: S603 - the site's own program, without a shell
                command,
                check=False,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=settings.timeout,
            )
        except subprocess.TimeoutExpired:
            raise PluginError(f"{command[0]!r} took longer than {settings.timeout} s") from None
        except OSError as error:
            raise PluginError(f"{command[0]!r} cannot be run: {error.strerror}") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()[-_LAST_WORDS:]
        raise PluginError(f"{command[0]!r} ended with exit code {done.returncode}: {said}")


def arguments(template: tuple[str, ...], change: Change, file: Path) -> list[str]:
    """The command line of one change. Unknown placeholders stay as they are."""
    values = {
        "file": str(file),
        "sop_instance_uid": change.sop_instance_uid,
        "sop_class_uid": change.sop_class_uid,
        "series_instance_uid": change.series_instance_uid,
        "study_instance_uid": change.study_instance_uid,
        "calling_aet": change.origin.calling_aet,
        "called_aet": change.origin.called_aet,
        "sequence": str(change.sequence),
    }
    return [_fill(part, values) for part in template]


def _fill(part: str, values: dict[str, str]) -> str:
    """Replace placeholders in one pass, so that a value is never taken for a placeholder."""
    pieces = part.split("{")
    filled = [pieces[0]]
    for piece in pieces[1:]:
        name, brace, rest = piece.partition("}")
        known = brace and name in values
        filled.append(values[name] + rest if known else "{" + piece)
    return "".join(filled)


def _wants_file(settings: ExecSettings) -> bool:
    return any("{file}" in part for part in settings.on_stored)


def _copy(change: Change, archive: Archive, file: Path) -> bool:
    """Copy the instance; False when it has gone since, for then there is nothing left to do."""
    try:
        with archive.open_file(change.sop_instance_uid) as source, file.open("wb") as target:
            shutil.copyfileobj(source, target)
    except ObjectNotFound:
        return False
    return True
