"""Places that objects are in, and the tiers that they make up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import structlog

from pacs_framework.errors import ConfigurationError, ObjectNotFound, OutOfResources, StorageError
from pacs_framework.storage import ByteSource, StorageBackend
from pacs_storage_tiered.circuit import Circuit
from pacs_storage_tiered.naming import Key

if TYPE_CHECKING:
    from pacs_storage_tiered.marking import Marks

__all__ = ["Place", "Tier", "refusal"]

_THREADS = 16
_PROBE = Key("2.25.0", "2.25.0", "2.25.0", "0" * 24)

_P = ParamSpec("_P")
_R = TypeVar("_R")
_log = structlog.get_logger(__name__)


class Place:
    """One backend of another plugin, opened when it is first needed: it may be away at start.

    It has threads of its own, so that nobody waits for a slow one but who asked it. ``reads`` and
    ``writes`` are two circuits: a full disk still gives out what it has.
    """

    def __init__(
        self,
        name: str,
        url: str,
        open_url: Callable[[str], StorageBackend],
        retry_after: float,
        marks: Marks,
    ) -> None:
        self.name = name
        self.url = url
        self.reads = Circuit(retry_after)
        self.writes = Circuit(retry_after)
        self._open_url = open_url
        self._marks = marks
        self._mutex = threading.Lock()
        self._backend: StorageBackend | None = None
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix=f"tiered-{name}")

    @property
    def backend(self) -> StorageBackend:
        """Opened; raises `StorageError` while it cannot be, `ConfigurationError` where unfit."""
        with self._mutex:
            if self._backend is None:
                opened = self._open_url(self.url)
                try:
                    _require_fit(opened, self.name)
                    self._marks.require(self.name, opened)
                except BaseException:
                    opened.close()
                    raise
                self._backend = opened
            return self._backend

    def mark_anew(self) -> None:
        """What is behind the URL now is the place. Raises `StorageError`, `ConfigurationError`."""
        with self._mutex:
            opened = self._backend or self._open_url(self.url)
            try:
                _require_fit(opened, self.name)
                self._marks.renew(self.name, opened)
            finally:
                if self._backend is None:
                    opened.close()

    def key_of(self, key: Key) -> str:
        """The key that this place has for the object."""
        return self.backend.key_for(key.name_for_place())

    def submit(self, function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> Future[_R]:
        """Run in a thread of this place."""
        return self._threads.submit(function, *args, **kwargs)

    def has(self, key: Key) -> bool:
        """Whether the object is here. Raises `StorageError`."""
        with self.reading():
            try:
                self.backend.stat(self.key_of(key))
            except ObjectNotFound:
                return False
            return True

    def open(self, key: str, *, offset: int = 0, length: int | None = None) -> ByteSource:
        """The copy that is here, by the key of the object. Raises `StorageError`."""
        parsed = Key.parse(key)
        if parsed is None:
            raise ObjectNotFound(f"no object {key!r}")
        with self.reading():
            return self.backend.open(self.key_of(parsed), offset=offset, length=length)

    def delete(self, key: Key) -> None:
        """Remove the copy, if there is one. Raises `StorageError`."""
        with self.writing():
            self.backend.delete(self.key_of(key))

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Count what happens inside for the circuit; system errors become `StorageError`."""
        with self._counted(self.reads, "read"):
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """As `reading`, for the other circuit."""
        with self._counted(self.writes, "write"):
            yield

    @contextmanager
    def _counted(self, circuit: Circuit, what: str) -> Iterator[None]:
        try:
            yield
        except ObjectNotFound:
            self._succeeded(circuit, what)
            raise
        except (StorageError, OSError) as error:
            self._failed(circuit, what, error)
            if isinstance(error, StorageError):
                raise
            raise StorageError(f"place {self.name!r}: {error.strerror}") from error
        self._succeeded(circuit, what)

    def _succeeded(self, circuit: Circuit, what: str) -> None:
        if circuit.succeeded():
            _log.info("a place answers again", place=self.name, operation=what)

    def _failed(self, circuit: Circuit, what: str, error: Exception) -> None:
        _log.warning("a place failed", place=self.name, operation=what, cause=str(error))
        if circuit.failed():
            _log.warning("a place is left alone for a while", place=self.name, operation=what)

    def close(self) -> None:
        """Wait for what its threads are doing, and give the backend back."""
        self._threads.shutdown(cancel_futures=False)
        with self._mutex:
            if self._backend is not None:
                self._backend.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """Places that hold the same objects; ``needed`` of them make an object durable."""

    name: str
    places: tuple[Place, ...]
    needed: int
    days: float
    idle_days: float

    def free_space(self) -> int | None:
        """What can be written to as many places as are needed; None without a limit."""
        rooms = sorted((_room(place) for place in self.places), reverse=True)
        room = rooms[self.needed - 1]
        return None if room == float("inf") else int(room)


def _room(place: Place) -> float:
    """Nothing where the place does not answer: nobody can write there now."""
    try:
        free = place.backend.free_space()
    except (StorageError, OSError):
        return 0
    return float("inf") if free is None else free


def _require_fit(backend: StorageBackend, name: str) -> None:
    """Raise `ConfigurationError` for a backend whose keys cannot be made again."""
    wanted = _PROBE.name_for_place()
    key = backend.key_for(wanted)
    if backend.key_for(wanted) != key or backend.version_of(key) != wanted.version:
        raise ConfigurationError(
            f"place {name!r}: its storage makes keys that cannot be made again from a name, so "
            f"copies could not be found; use another storage there"
        )
    if backend.remembers(key):
        raise ConfigurationError(
            f"place {name!r}: its storage remembers objects by itself, which does not go together "
            f"with copies; use another storage there"
        )


def refusal(errors: dict[str, Exception], needed: int) -> StorageError:
    """The error for an object that too few places took: what each of them said."""
    told = "; ".join(f"{name}: {error}" for name, error in sorted(errors.items()))
    full = all(isinstance(error, OutOfResources) for error in errors.values())
    kind = OutOfResources if errors and full else StorageError
    return kind(f"fewer than {needed} places take the object ({told})")
