"""A PostgreSQL of one's own for a test run: made, started and removed again."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import IO, Self

__all__ = ["PostgresMissing", "PrivatePostgres"]

_USER = "pacs"
_READY = "database system is ready to accept connections"
_STOP_SECONDS = 30
_COPIES_FILES = 150000  # the version that can be told how to make a database
_UNPRIVILEGED = ("postgres", "nobody")
_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of one's own is made in it
_ROOM = 2 << 30  # bytes: a server with the databases of one test takes a tenth of it


class PostgresMissing(Exception):
    """PostgreSQL cannot be started here; the message says why."""


class PrivatePostgres:
    """A server in a temporary folder that listens on a Unix socket there, and on no port.

    A context manager. Raises `PostgresMissing` where there are no binaries, no user to run them
    (PostgreSQL does not run as root), or no driver. Nothing it stores is ``durable`` unless that is
    asked for: it is for tests. What is not may be kept ``in_memory``, where Linux has room for 2 GB
    in ``/dev/shm``: databases, which are hundreds of files each, are then made in a fifth of the
    time.
    """

    def __init__(self, *, durable: bool = False, in_memory: bool = False) -> None:
        if durable and in_memory:
            raise ValueError("what is in memory is not durable")
        self._durable = durable
        self._in_memory = in_memory
        if find_spec("psycopg") is None:
            raise PostgresMissing(
                "psycopg is not installed: pip install pacs-framework[postgresql]"
            )
        self._initdb = _binary("initdb")
        self._postgres = _binary("postgres")
        self._as_user = _as_user()
        self._numbers = count(1)
        self._in_use: list[str] = []
        self._over: list[str] = []

    def __enter__(self) -> Self:
        where = _with_room(_IN_MEMORY) if self._in_memory else None
        self._folder = Path(tempfile.mkdtemp(prefix="pacs-pg-", dir=where))
        try:
            self._make()
            self.start()
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self._end(signal.SIGINT)  # at once: clients are sent away
        shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, database: str = "postgres") -> str:
        """The URL of a database on this server, for ``[index] url``."""
        return f"postgresql+psycopg://{_USER}@/{database}?host={self._folder}"

    def new_database(self, *, lasting: bool = False) -> str:
        """Make an empty database; its URL. A ``lasting`` one is never `lent`."""
        import psycopg  # noqa: PLC0415 - an optional dependency of the kernel

        name = f"pacs_{next(self._numbers)}"
        options = f"host={self._folder} user={_USER} dbname=postgres"
        with psycopg.connect(options, autocommit=True) as connection:
            while self._over:
                connection.execute(f'DROP DATABASE IF EXISTS "{self._over.pop()}" WITH (FORCE)')
            copied = connection.info.server_version >= _COPIES_FILES
            strategy = " STRATEGY file_copy" if copied else ""  # two thirds of the time, no log
            connection.execute(f'CREATE DATABASE "{name}"{strategy}')
        if not lasting:
            self._in_use.append(name)
        return self.url(name)

    @contextmanager
    def lent(self) -> Iterator[Self]:
        """Lend it: what databases are made meanwhile go when the next one is asked for.

        Each takes 9 MB, and a run of all tests would leave hundreds. Not at once: who borrowed may
        have connections that close only after this.
        """
        before = len(self._in_use)
        yield self
        self._over += self._in_use[before:]
        del self._in_use[before:]

    def crash(self) -> None:
        """End it as ``pg_ctl stop -m immediate`` does: nothing is finished; `start` recovers."""
        self._end(signal.SIGQUIT)

    def start(self) -> None:
        """Start it on what it has stored, and wait until it lets clients in."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._folder),
            "fsync": "on" if self._durable else "off",
            "max_connections": "300",
        }
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        self._process = subprocess.Popen(  # noqa: S603 - PostgreSQL's own program
            [self._postgres, "-D", self._data, *options],
            stderr=subprocess.PIPE,
            text=True,
            user=self._as_user,
            cwd=self._folder,
        )
        assert self._process.stderr is not None
        self._log = self._process.stderr
        self._wait_until_ready(self._log)
        self._drain = threading.Thread(target=self._log.read, daemon=True)
        self._drain.start()

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _make(self) -> None:
        if self._as_user:
            shutil.chown(self._folder, self._as_user)
        self._run(
            [self._initdb, "-D", self._data, "-U", _USER, "-A", "trust", "-E", "UTF8", "--no-sync"],
        )

    def _end(self, how: signal.Signals) -> None:
        if self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(_STOP_SECONDS)
        self._drain.join(_STOP_SECONDS)
        self._log.close()

    def _run(self, command: list[str | Path]) -> None:
        done = subprocess.run(  # noqa: S603 - PostgreSQL's own program
            command,
            check=False,
            capture_output=True,
            text=True,
            user=self._as_user,
            cwd=self._folder,
        )
        if done.returncode:
            raise PostgresMissing(f"initdb failed: {done.stderr.strip()[-300:]}")

    def _wait_until_ready(self, log: IO[str]) -> None:
        said: list[str] = []
        for line in log:
            said.append(line)
            if _READY in line:
                return
        raise PostgresMissing(f"postgres ended at start: {''.join(said)[-300:]}")


def _with_room(folder: Path) -> Path | None:
    """The folder, where there is one to write to that has room; containers get 64 MB at times."""
    try:
        room = shutil.disk_usage(folder).free
    except OSError:
        return None
    return folder if room >= _ROOM and os.access(folder, os.W_OK | os.X_OK) else None


def _binary(name: str) -> str:
    """A program of PostgreSQL, on PATH or where Debian keeps it."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = shutil.which(name) or (str(debian[-1]) if debian else None)
    if found is None:
        raise PostgresMissing(f"PostgreSQL's {name!r} is not installed")
    return found


def _as_user() -> str | None:
    """Whom to run as: ourselves, or somebody unprivileged when we are root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    for name in _UNPRIVILEGED:
        if name in known:
            return name
    raise PostgresMissing("PostgreSQL does not run as root, and there is no user 'nobody'")
