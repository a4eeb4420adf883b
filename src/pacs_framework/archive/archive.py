"""The archive: what plugins get to store, look up, query and open instances."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from pacs_framework.anonymizers.registry import AnonymizerRegistry
from pacs_framework.archive.bell import Bell
from pacs_framework.archive.claims import Claim
from pacs_framework.archive.deleting import Deleting
from pacs_framework.archive.feed import BELL
from pacs_framework.archive.incoming import Origin
from pacs_framework.archive.ingest import (
    Check,
    Decision,
    Door,
    Reception,
    StoreOutcome,
    commit_together,
)
from pacs_framework.archive.journal import Journal
from pacs_framework.archive.keeping import Keeper
from pacs_framework.archive.marking import Marking
from pacs_framework.archive.objects import ObjectReader
from pacs_framework.archive.patients import Patients
from pacs_framework.archive.query import QueryService
from pacs_framework.archive.recorded_values import FirstValues
from pacs_framework.archive.retrieve import RetrieveService
from pacs_framework.archive.settling import Settler
from pacs_framework.archive.spool import spool_buffers
from pacs_framework.archive.versions import Versions
from pacs_framework.archive.viewing import RetrieveDecision
from pacs_framework.codecs.ahead import FrameThreads
from pacs_framework.codecs.early import EarlyConversions, EarlyLimits
from pacs_framework.codecs.registry import CodecRegistry
from pacs_framework.codecs.transcoding import Decoder, Encoder, Transcoding
from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.part10 import read_prefix
from pacs_framework.errors import ObjectNotFound
from pacs_framework.index.entry import DuplicatePolicy
from pacs_framework.index.lookup import IndexedInstance, Lookup
from pacs_framework.index.writer import IndexWriter
from pacs_framework.jobs import MissingJobQueue
from pacs_framework.tables import OpenTables

if TYPE_CHECKING:
    from pacs_framework.index.database import Database
    from pacs_framework.jobs import JobQueue
    from pacs_framework.live import Health
    from pacs_framework.network.association import Association
    from pacs_framework.network.decisions import ProposedContext
    from pacs_framework.network.peers import PeerAddress, PeerBook
    from pacs_framework.network.router import Router
    from pacs_framework.plugins.offered import OfferedHooks
    from pacs_framework.storage import ByteSource, StorageBackend

__all__ = ["Archive", "OpenedInstance"]

_SPOOL = 1 << 20
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedInstance:
    """An instance whose data set is open for reading; close ``dataset`` when done."""

    facts: IndexedInstance
    dataset: ByteSource


class Archive:
    """One archive in one process. Safe to use from many threads; open it after a fork.

    ``data`` is the folder for what is staged and for the journal; all processes of an archive on
    one machine share it. Instances of up to ``spool`` bytes are kept in memory on their way in.
    ``query`` and ``retrieve`` answer queries and locate instances; ``lookup`` reads single rows;
    ``patients`` corrects them; ``deleting`` removes instances, ``marks`` says what is to be kept;
    ``transcoding`` converts data sets with the ``codecs`` and the ``encoder``, ``early`` does so
    before they are due, within its limits; ``anonymizers`` has them by name; ``tables`` gives a
    plugin its own ones, by its name; ``jobs`` takes work that is done later.
    ``peers``, ``connect``, ``hooks`` and ``health`` are set by the application: whom a destination
    AE title means, how an association to it is opened, how plugins call the hooks that they offer,
    and whether this process can do its work. ``call`` opens one on which ``services`` answer what
    the peer asks, as in C-GET; these are there when everything is, behind `dimse_services`.
    """

    peers: PeerBook
    hooks: OfferedHooks
    connect: Callable[[PeerAddress, Sequence[ProposedContext]], Association]
    call: Callable[[PeerAddress, Sequence[ProposedContext], Router | None], Association]
    services: Router
    health: Callable[[], Health]

    def __init__(
        self,
        *,
        database: Database,
        storage: StorageBackend,
        data: Path,
        on_store: Decision | None = None,
        on_retrieve: RetrieveDecision | None = None,
        duplicates: DuplicatePolicy = DuplicatePolicy.IGNORE,
        spool: int = _SPOOL,
        codecs: Decoder | None = None,
        encoder: Encoder | None = None,
        anonymizers: AnonymizerRegistry | None = None,
        early: EarlyLimits | None = None,
        tables: OpenTables | None = None,
    ) -> None:
        self.storage = storage
        self.data = data
        self.duplicates = duplicates
        self.tables = tables or OpenTables(data=data)
        self.jobs: JobQueue = MissingJobQueue()  # until the application has a plugin's
        early = early or EarlyLimits()
        self._frame_threads = FrameThreads(early.threads)
        self.transcoding = Transcoding(
            codecs or CodecRegistry(), encoder=encoder, threads=self._frame_threads, whole=True
        )
        self.early = EarlyConversions(self.transcoding, early)
        self.anonymizers = anonymizers or AnonymizerRegistry()
        self.staging_folder = data / "staging"
        self.journal_folder = data / "journal"
        self._staging = Claim(self.staging_folder)
        self._numbers = count()
        self._bell = Bell(data / BELL)
        self._journal = Journal(self.journal_folder)
        self.writer = IndexWriter(database, on_commit=self._bell.ring)
        self._settler = Settler(storage, self.writer.sync)
        self.lookup = Lookup(database)
        self.query = QueryService(database, storage)
        self.patients = Patients(database, FirstValues(database, storage), self._bell.ring)
        self.deleting = Deleting(database, storage, self.lookup, self._bell.ring)
        self.marks = Marking(database)
        self.retrieve = RetrieveService(database, storage, on_retrieve, self.transcoding)
        self.objects = self.object_reader(limit=spool)
        self._keeper = Keeper(
            storage=storage,
            writer=self.writer,
            journal=self._journal,
            settler=self._settler,
            versions=Versions(),
            duplicates=duplicates,
            on_left=self.deleting.left_one,
        )
        self._door = Door(
            keeper=self._keeper,
            on_store=on_store,
            spool_limit=spool,
            buffers=spool_buffers(spool),
            transcoding=self.transcoding,
            new_path=self._new_path,
        )

    def receive(self, origin: Origin, meta: FileMeta) -> Reception:
        """Begin to take an instance in (see `Reception`)."""
        return Reception(self._door, origin, meta)

    def commit_together(
        self, receptions: Sequence[Reception], check: Check | None = None
    ) -> list[StoreOutcome | Exception]:
        """`Reception.commit` of several, by one commit to the storage and one to the index.

        What it returns or raises for each, in order: one that is refused is refused alone; what
        the storage cannot take together fails together. They are of as many SOP Instance UIDs, up
        to 64: raises ValueError for others, and keeps none. `Reception.is_gathered` tells which
        instances this pays for.
        """
        return commit_together(self._keeper, receptions, check)

    def import_file(self, path: Path, origin: Origin) -> StoreOutcome:
        """Take in a DICOM file; it stays where it is.

        Its Part 10 header is kept as it is; a file without one gets one. Raises as
        `Reception.commit` does, and OSError when the file cannot be read.
        """
        with path.open("rb") as file:
            prefix = read_prefix(file)
            file.seek(prefix.dataset_offset)
            with self.receive(origin, prefix.meta) as reception:
                while block := file.read(_BLOCK):
                    reception.write(block)
                return reception.commit()

    def open(self, sop_instance_uid: str) -> OpenedInstance:
        """The data set of an instance as it is stored, and what the index knows of it.

        Raises `ObjectNotFound`, `StorageError` and `IndexUnavailable`.
        """
        facts, source = self._open(sop_instance_uid, with_prefix=False)
        return OpenedInstance(facts=facts, dataset=source)

    def open_file(self, sop_instance_uid: str) -> ByteSource:
        """The whole object: a DICOM file (PS3.10). Raises as `open` does."""
        return self._open(sop_instance_uid, with_prefix=True)[1]

    def object_reader(self, *, limit: int) -> ObjectReader:
        """Reads objects as instances, up to ``limit`` bytes of one in memory, else by a file."""
        return ObjectReader(self.storage, limit=limit, new_path=self._new_path)

    def close(self) -> None:
        """Give everything back but the database and the storage. No instance may be coming in."""
        self.early.close()
        self._frame_threads.close()
        self.deleting.close()
        self._settler.close()
        self.writer.close()
        self._journal.close()
        self._staging.close()
        self._bell.close()

    def _open(
        self, sop_instance_uid: str, *, with_prefix: bool
    ) -> tuple[IndexedInstance, ByteSource]:
        """Open the object; once more when it was replaced between the look-up and the opening."""
        for last_try in (False, True):
            facts = self.lookup.instance(sop_instance_uid)
            if facts is None:
                break
            try:
                offset = 0 if with_prefix else facts.dataset_offset
                return facts, self.storage.open(facts.storage_key, offset=offset)
            except ObjectNotFound:
                if last_try:
                    raise
        raise ObjectNotFound(f"no instance {sop_instance_uid!r} in the archive")

    def _new_path(self) -> Path:
        return self._staging.folder / str(next(self._numbers))
