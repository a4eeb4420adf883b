"""The folder that a backup is: one set of objects, and a snapshot of the index for each time.

::

    backup.json             that this is a backup, its format, where its objects are
    objects/                the objects, unless they are elsewhere
    snapshots/ID/           one state of the archive
        index.jsonl.gz      the tables of the index
        tables-NAME.jsonl.gz    those of a plugin
        objects.jsonl.gz    the objects of this state, with their digests
        manifest.json       written last: a snapshot without it is none
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from pacs_framework.backups.dumped import Written
from pacs_framework.backups.locking import only_one
from pacs_framework.errors import BackupError
from pacs_framework.folders import make_folders, sync_folder
from pacs_framework.whole_file import whole_file

__all__ = ["FORMAT", "BackupFolder", "Group", "Snapshot"]

FORMAT = 1
"""Of what is written here. Backups of this and of older formats can be read."""

_MARKER, _LOCK, _MANIFEST = "backup.json", ".lock", "manifest.json"
_OBJECTS, _SNAPSHOTS = "objects", "snapshots"
_ID = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The tables of one owner: ``index``, or a plugin. ``version`` is the owner's to know."""

    name: str
    version: Any
    written: Written


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One complete state of an archive, as its manifest says. ``made`` is in UTC.

    ``objects`` counts them, ``size`` their bytes. ``faulty`` are those that were damaged or
    missing in the archive itself, by version, with what was wrong. ``gone`` are versions that the
    index named and that were deleted before they could be copied.
    """

    id: str
    folder: Path
    made: str
    software: str
    groups: Sequence[Group]
    manifest: Written
    objects: int
    size: int
    faulty: Mapping[str, str] = field(default_factory=dict)
    gone: Sequence[str] = ()

    @property
    def index(self) -> Group:
        """The tables of the index."""
        return next(group for group in self.groups if group.name == "index")

    def files(self) -> list[Written]:
        """Every file but the manifest."""
        return [*(group.written for group in self.groups), self.manifest]

    def write(self) -> None:
        """Write the manifest, by which the snapshot becomes one. Raises OSError."""
        said = {"format": FORMAT, **asdict(self)}
        del said["folder"]
        with whole_file(self.folder / _MANIFEST) as file:
            file.write(_text({**said, "sha256": _digest(said)}))

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The snapshot in ``folder``. Raises `BackupError` where it is none that can be read."""
        path = folder / _MANIFEST
        said = _read(path)
        _known_format(said, path)
        digest = said.pop("sha256", None)
        if digest != _digest(said):
            raise BackupError(f"{str(path)!r} is damaged: its digest differs")
        del said["format"]
        groups = [
            Group(**{**group, "written": Written(**group["written"])})
            for group in said.pop("groups")
        ]
        manifest = Written(**said.pop("manifest"))
        return cls(folder=folder, groups=groups, manifest=manifest, **said)


class BackupFolder:
    """A backup at ``path`` that is there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        marker = _read(path / _MARKER)
        _known_format(marker, path / _MARKER)
        self._objects: str | None = marker["objects"]

    @classmethod
    def made(cls, path: Path, *, objects: str | None) -> Self:
        """The backup at ``path``, begun where the folder is empty or missing.

        ``objects`` is the URL of a storage for them, empty for a folder of the backup itself, None
        for a backup without objects; a backup that is there keeps its own. Raises `BackupError`
        for a folder with something else in it, or a backup that has its objects elsewhere.
        """
        if not (path / _MARKER).exists():
            if path.exists() and (not path.is_dir() or any(path.iterdir())):
                raise BackupError(
                    f"{str(path)!r} is not empty and holds no backup; give another folder"
                )
            make_folders(path)
            with whole_file(path / _MARKER) as file:
                file.write(_text({"format": FORMAT, "objects": objects}))
        backup = cls(path)
        if backup._objects != objects:
            raise BackupError(
                f"the backup at {str(path)!r} has its objects {_where(backup._objects)}, not "
                f"{_where(objects)}; back up as before, or into another folder"
            )
        return backup

    @property
    def objects_url(self) -> str | None:
        """Where the objects are, None where it has none."""
        if self._objects == "":
            return (self.path.resolve() / _OBJECTS).as_uri()
        return self._objects

    def locked(self) -> AbstractContextManager[None]:
        """Nobody else writes to the backup meanwhile. Raises `BackupError` where somebody does."""
        return only_one(self.path / _LOCK, f"writes to the backup at {str(self.path)!r}")

    def new_snapshot(self) -> Path:
        """The folder of a new snapshot, made; what others did not bring to an end is removed."""
        snapshots = self.path / _SNAPSHOTS
        make_folders(snapshots)
        for folder in snapshots.iterdir():
            if not (folder / _MANIFEST).exists():
                shutil.rmtree(folder)
        moment = dt.datetime.now(dt.UTC)
        while (folder := snapshots / moment.strftime(_ID)).exists():
            moment += dt.timedelta(seconds=1)
        make_folders(folder)
        return folder

    def snapshots(self) -> list[Snapshot]:
        """The complete ones, the oldest first. Raises `BackupError` for one that is damaged."""
        folders = sorted((self.path / _SNAPSHOTS).glob(f"*/{_MANIFEST}"))
        return [Snapshot.read(manifest.parent) for manifest in folders]

    def snapshot(self, chosen: str | None) -> Snapshot:
        """The one of this id, or the newest. Raises `BackupError` where there is none."""
        if chosen is not None:
            folder = self.path / _SNAPSHOTS / chosen
            if folder.parent != self.path / _SNAPSHOTS or not (folder / _MANIFEST).exists():
                raise BackupError(
                    f"the backup at {str(self.path)!r} has no snapshot {chosen!r}; "
                    "`pacs backup list` shows those it has"
                )
            return Snapshot.read(folder)
        folders = sorted((self.path / _SNAPSHOTS).glob(f"*/{_MANIFEST}"))
        if not folders:
            raise BackupError(
                f"the backup at {str(self.path)!r} was never brought to an end; run `pacs backup` "
                "again"
            )
        return Snapshot.read(folders[-1].parent)

    def remove(self, snapshot: Snapshot) -> None:
        """Forget a snapshot: first its manifest, by which it was one."""
        (snapshot.folder / _MANIFEST).unlink()
        sync_folder(snapshot.folder)
        shutil.rmtree(snapshot.folder)


def _where(objects: str | None) -> str:
    if objects is None:
        return "left out"
    return f"at {objects!r}" if objects else "in its own folder"


def _read(path: Path) -> dict[str, Any]:
    try:
        said = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise BackupError(f"{str(path)!r} is missing; {str(path.parent)!r} is no backup") from None
    except (OSError, ValueError) as error:
        raise BackupError(f"{str(path)!r} cannot be read: {type(error).__name__}") from error
    if not isinstance(said, dict):
        raise BackupError(f"{str(path)!r} is damaged")
    return said


def _known_format(said: Mapping[str, Any], path: Path) -> None:
    number = said.get("format")
    if not isinstance(number, int) or number < 1:
        raise BackupError(f"{str(path)!r} names no format of a backup; it is damaged")
    if number > FORMAT:
        raise BackupError(
            f"{str(path)!r} has format {number}, and this version of pacs-framework reads them up "
            f"to {FORMAT}; a newer one wrote it: install that"
        )


def _text(said: Mapping[str, Any]) -> bytes:
    return json.dumps(said, indent=2, ensure_ascii=False).encode() + b"\n"


def _digest(said: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
