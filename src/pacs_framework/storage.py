"""The contract of storage backends: where the bytes of instances live.

A backend keeps *objects*: whole DICOM Part 10 files under opaque keys. The index alone says which
key an instance has. Keys are versioned, so an object once committed never changes: replacing an
instance writes a new key, and the old object goes after the index has stopped naming it.

Laws (the contract suite in ``pacs_framework.testing`` holds every backend to them):

* after ``commit`` returns, the object survives a power cut; before it, no reader ever sees it;
* ``abort`` (also by leaving the ``with`` block of a writer without ``commit``) leaves nothing;
* ``open`` of what was committed gives the bytes that were written, from any process at once;
* ``delete`` of a missing key is no error, and a reader that already opened the object reads on.

A backend may *remember* objects: it can tell after a crash, also of the whole machine, which of
them came in lately. For those the archive keeps no journal, and its index need not be synced at
each commit: what the index lost is taken in again (`StorageBackend.hand_over`). The archive says
`settled` of each when the index names it, and `settle` now and then, when that is durable.
"""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self
from urllib.parse import urlsplit

from pacs_framework.errors import ConfigurationError, ObjectNotFound, OutOfResources

if TYPE_CHECKING:
    from pacs_framework.tables import OpenTables

__all__ = [
    "BackendFactory",
    "ByteSource",
    "Digests",
    "MissingStorage",
    "NewObject",
    "ObjectCopy",
    "ObjectName",
    "ObjectOpener",
    "ObjectRange",
    "ObjectStat",
    "ObjectWriter",
    "StorageBackend",
    "StorageRegistry",
    "Surroundings",
    "Unsettled",
    "read_exactly",
]

_COPY_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectName:
    """What a backend may build a key from.

    The UIDs are valid UIDs (the ingest door checks). ``patient_id`` is free text from the peer and
    may hold anything. ``version`` is unique over all versions of all instances, made of
    ``[0-9a-z]``, and later versions sort after earlier ones. ``size`` counts the bytes of the
    object, where they are known: `StorageBackend.begin` is then called with the same.
    """

    patient_id: str
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    received: dt.datetime
    version: str
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectStat:
    """One object: its key, its size in bytes and when it was committed (UTC)."""

    key: str
    size: int
    committed: dt.datetime


class ObjectRange(NamedTuple):
    """``length`` bytes from ``offset`` on of the object ``key``."""

    key: str
    offset: int
    length: int


class Digests(NamedTuple):
    """SHA-256 of the first ``offset`` bytes of an object, and of all others."""

    offset: int
    first: bytes
    rest: bytes


class NewObject(NamedTuple):
    """A whole object in memory; see `StorageBackend.put_bytes`. ``data`` stays while it is put."""

    key: str
    data: memoryview
    note: bytes = b""
    digests: Digests | None = None


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A whole object of a dead process that the index may have lost, with the note put to it."""

    key: str
    note: bytes


class ByteSource(Protocol):
    """An open object for reading, from the start of the range that was asked for.

    A source that has all of its bytes in memory may offer ``held() -> memoryview``: what is left of
    them, without a copy, until `close`. Whoever takes it releases it before.
    """

    def read(self, size: int = -1, /) -> bytes:
        """Up to ``size`` bytes, all that is left when negative; empty at the end."""

    def readinto(self, buffer: memoryview | bytearray, /) -> int | None:
        """Fill ``buffer`` from its start; the number of bytes read, 0 at the end."""

    def close(self) -> None:
        """Give the object back."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...


class ObjectOpener(Protocol):
    """Opens objects for reading, as `StorageBackend.open` does."""

    def open(self, key: str, *, offset: int = 0, length: int | None = None) -> ByteSource:
        """Read ``length`` bytes from ``offset``. Raises `ObjectNotFound` and `StorageError`."""


class ObjectWriter(ABC):
    """An object on its way in: ``write`` any number of times, then ``commit`` or ``abort``."""

    @abstractmethod
    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append ``data``; it is not kept by reference. Raises `StorageError`."""

    @abstractmethod
    def commit(self) -> None:
        """Make the object durable and visible under its key. Raises `StorageError`."""

    @abstractmethod
    def abort(self) -> None:
        """Drop what was written. Harmless after ``commit`` and when called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.abort()


def read_exactly(source: ByteSource, length: int) -> bytes:
    """The next ``length`` bytes, fewer only at the end: a single read may give less."""
    first = source.read(length)
    if len(first) == length or not first:
        return first
    held = bytearray(first)
    while len(held) < length and (block := source.read(length - len(held))):
        held += block
    return bytes(held)


class StorageBackend(ABC):
    """One place for objects. Methods are called from many threads at once."""

    @abstractmethod
    def key_for(self, name: ObjectName) -> str:
        """The key of a new object: 1 to 512 characters, unique as long as ``name.version`` is."""

    @abstractmethod
    def version_of(self, key: str) -> str:
        """The ``name.version`` that `key_for` made ``key`` of: reindex reads it back.

        Any text comes back for a key that `key_for` never made.
        """

    @abstractmethod
    def begin(self, key: str, *, size: int | None = None, note: bytes = b"") -> ObjectWriter:
        """Start an object of ``size`` bytes (when known). Raises `OutOfResources`.

        ``note``, a few hundred bytes, comes back with `hand_over` where the object is remembered.
        """

    def put_bytes(
        self,
        key: str,
        data: memoryview,
        *,
        note: bytes = b"",
        digests: Digests | None = None,
    ) -> None:
        """Commit ``data`` under ``key``. Its bytes stay the same while there is a view of them.

        ``note`` is that of `begin`. ``digests`` were taken as the bytes came in: a backend that
        keeps one with each object need not take its own. This copies; a backend that hands the
        object on in one piece may do so as it is.
        """
        del digests
        with self.begin(key, size=len(data), note=note) as writer:
            writer.write(data)
            writer.commit()

    def put_file(self, key: str, path: Path) -> None:
        """Commit the whole file at ``path`` under ``key``; the file may be moved away or stay.

        This copies. A backend on the same file system as ``path`` renames instead.
        """
        with path.open("rb") as source, self.begin(key, size=path.stat().st_size) as writer:
            while block := source.read(_COPY_BLOCK):
                writer.write(block)
            writer.commit()

    def gathers(self, size: int) -> bool:
        """Whether new objects of ``size`` bytes are sooner durable by `put_together` than side by
        side.

        That is so where several go into one file, and not where each is sent somewhere by itself.
        """
        del size
        return False

    def put_together(self, objects: Sequence[NewObject]) -> None:
        """Commit all of ``objects``; each is durable when this returns.

        Raises `StorageError` when one of them cannot be kept; which of the others are there then is
        not told, so the caller deletes them all.
        """
        for key, data, note, digests in objects:
            self.put_bytes(key, data, note=note, digests=digests)

    @abstractmethod
    def open(self, key: str, *, offset: int = 0, length: int | None = None) -> ByteSource:
        """Read ``length`` bytes (to the end when None) from ``offset``. Raises `ObjectNotFound`."""

    def expect(self, ranges: Iterable[ObjectRange]) -> None:
        """Hear what will be read soon, in about this order, and begin to fetch it where that helps.

        Nothing comes of it but time: nothing is raised for what is missing or cannot be read.
        """

    def read_each(self, ranges: Iterable[ObjectRange]) -> Iterator[bytes | None]:
        """The bytes of each range, fewer at the end of its object; None for a missing object.

        For short ranges of many objects, as the headers of a series: a backend to which each `open`
        is dear does better. One range is held at a time. Raises `StorageError`.
        """
        for each in ranges:
            try:
                source = self.open(each.key, offset=each.offset, length=each.length)
            except ObjectNotFound:
                yield None
                continue
            with source:
                data = read_exactly(source, each.length)
            yield data

    @abstractmethod
    def stat(self, key: str) -> ObjectStat:
        """Key, size and time of a committed object. Raises `ObjectNotFound`."""

    def copies(self, key: str) -> Sequence[ObjectCopy]:
        """Where each copy of an object should be; empty where there is but the one of `open`.

        ``pacs verify`` reads all of them. Raises `ObjectNotFound` and `StorageError`.
        """
        del key
        return ()

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove the object; a missing one is no error."""

    @abstractmethod
    def list(self) -> Iterator[ObjectStat]:
        """Every committed object, in any order, without holding all in memory."""

    @abstractmethod
    def free_space(self) -> int | None:
        """Bytes that can still be written before `OutOfResources`; None when unlimited."""

    def recover(self) -> int:
        """Remove what an unclean stop left half-written; the number of leftovers removed.

        Called at each start, also while other processes are writing: what those write stays.
        """
        return 0

    def remembers(self, key: str) -> bool:
        """Whether the object of ``key`` will be remembered until it is settled (see above)."""
        return False

    def settled(self, key: str) -> None:
        """The index names the object, or it was deleted; the index may not be synced yet."""

    def settle(self, sync: Callable[[], None]) -> None:
        """Forget what was `settled` before this call, after ``sync`` made the index durable."""

    def hand_over(self, take: Callable[[Iterator[Unsettled]], None]) -> None:
        """Give ``take`` everything that dead processes left unsettled; forget it when it returns.

        Called at start. ``take`` may be called several times, and not at all. What it raises
        passes through, and the rest is handed over at the next start.
        """

    def under_way(self) -> set[str]:
        """Keys of objects that living processes have not settled, as far as they are remembered.

        Some that are settled may be among them.
        """
        return set()

    def close(self) -> None:
        """Give back what the backend holds open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectCopy:
    """One of several copies of an object: the place that has it, and its name for people.

    ``source`` opens it by the key of the object. It raises `ObjectNotFound` where it is missing.
    """

    place: str
    source: ObjectOpener


class MissingStorage(StorageBackend):
    """Stands in where no storage plugin is active: nothing can be kept, and each try says why."""

    _WHY = "no storage plugin is active: install one, such as a plugin for the scheme 'file'"

    def key_for(self, name: ObjectName) -> str:
        """Raises `OutOfResources`."""
        raise OutOfResources(self._WHY)

    def version_of(self, key: str) -> str:
        """There are no keys to know."""
        raise OutOfResources(self._WHY)

    def begin(self, key: str, *, size: int | None = None, note: bytes = b"") -> ObjectWriter:
        """Raises `OutOfResources`."""
        raise OutOfResources(self._WHY)

    def open(self, key: str, *, offset: int = 0, length: int | None = None) -> ByteSource:
        """Raises `ObjectNotFound`."""
        raise ObjectNotFound(self._WHY)

    def stat(self, key: str) -> ObjectStat:
        """Raises `ObjectNotFound`."""
        raise ObjectNotFound(self._WHY)

    def delete(self, key: str) -> None:
        """Nothing is there to remove."""

    def list(self) -> Iterator[ObjectStat]:
        """Nothing."""
        return iter(())

    def free_space(self) -> int:
        """No room at all."""
        return 0


class BackendFactory(Protocol):
    """Opens the backend behind a URL such as ``file:///var/lib/pacs/objects``.

    One that also has a method ``check(url)`` judges a URL without opening anything: ``pacs check``
    asks it, and so does every start. It raises ConfigurationError when the URL is not usable.

    One for a backend over other backends has the methods ``open_among(url, surroundings)`` and
    ``check_among(url, backends)`` besides, which are called instead: see `Surroundings`.
    """

    def __call__(self, url: str, /) -> StorageBackend:
        """Open the backend; raises ConfigurationError when the URL is not usable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a backend over other backends is opened with.

    ``backends`` opens the others by their URLs. ``tables`` are those of the plugins, by name, and
    outlive the backend. ``data`` is the folder of this archive's data.
    """

    backends: StorageRegistry
    tables: OpenTables
    data: Path


class StorageRegistry:
    """The storage backends by URL scheme, gathered from the ``storage_backends`` hook."""

    def __init__(self) -> None:
        self._factories: dict[str, tuple[str, BackendFactory]] = {}

    def add(self, scheme: str, factory: BackendFactory, *, plugin: str) -> None:
        """Offer ``scheme``; a second provider of one scheme is an error naming both."""
        if scheme in self._factories:
            other = self._factories[scheme][0]
            raise ConfigurationError(
                f"storage scheme {scheme!r} is provided by both {other!r} and {plugin!r}; "
                f"deny one of them in [plugins] deny"
            )
        self._factories[scheme] = (plugin, factory)

    @property
    def schemes(self) -> dict[str, str]:
        """Scheme → name of the plugin that provides it."""
        return {scheme: plugin for scheme, (plugin, _) in sorted(self._factories.items())}

    def provides(self, url: str) -> bool:
        """Whether a plugin provides the scheme of ``url``."""
        return urlsplit(url).scheme in self._factories

    def check(self, url: str) -> None:
        """Raise `ConfigurationError` when no plugin provides ``url``, or its plugin says no."""
        if not self.provides(url):
            known = ", ".join(self.schemes) or "none: no storage plugin is active"
            raise ConfigurationError(
                f"storage url {url!r}: no active plugin provides the scheme "
                f"{urlsplit(url).scheme!r} (provided: {known}); install a storage plugin for it"
            )
        factory = self._factories[urlsplit(url).scheme][1]
        judge_among = getattr(factory, "check_among", None)
        judge = getattr(factory, "check", None)
        if judge_among is not None:
            judge_among(url, self)
        elif judge is not None:
            judge(url)

    def open(self, url: str, surroundings: Surroundings | None = None) -> StorageBackend:
        """The backend behind ``url``; raises `ConfigurationError` as `check` does.

        Without ``surroundings`` none is opened that is over other backends.
        """
        self.check(url)
        factory = self._factories[urlsplit(url).scheme][1]
        open_among = getattr(factory, "open_among", None)
        if open_among is None or surroundings is None:
            return factory(url)
        backend: StorageBackend = open_among(url, surroundings)
        return backend
