"""The pytest plugin of pacs-framework: fixtures and guards for those who write plugins.

pytest loads it wherever the kernel is installed, so it imports nothing but pytest: whatever a
fixture needs is imported when the fixture is used.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from pacs_framework.testing.clock import Clock
    from pacs_framework.testing.factories import Archives, Associations
    from pacs_framework.testing.faulty_disk import FaultyDisk
    from pacs_framework.testing.guards import Guard
    from pacs_framework.testing.hooks import HookRecorder
    from pacs_framework.testing.instances import Instances
    from pacs_framework.testing.logging_state import LoggingState
    from pacs_framework.testing.postgres import PrivatePostgres
    from pacs_framework.testing.tables import EmptiedTables, TableStores

pytest.register_assert_rewrite("pacs_framework.testing.suites")

_GUARDS = "pacs_guards"
_POSTGRESQL = "postgresql"
_GUARD: pytest.StashKey[Guard] = pytest.StashKey()


@pytest.fixture
def pacs_archive(tmp_path: Path) -> Iterator[Archives]:
    """Run archives with any plugins on free ports; they are stopped at the end."""
    from pacs_framework.testing.factories import Archives  # noqa: PLC0415 - see above

    with Archives(tmp_path) as archives:
        yield archives


@pytest.fixture
def pacs_association() -> Iterator[Associations]:
    """Open associations to an archive; those still open at the end are aborted."""
    from pacs_framework.testing.factories import Associations  # noqa: PLC0415 - see above

    with Associations() as associations:
        yield associations


@pytest.fixture
def pacs_instances() -> Instances:
    """Make valid instances of every storage SOP class and in every transfer syntax."""
    from pacs_framework.testing.instances import Instances  # noqa: PLC0415 - see above

    return Instances()


@pytest.fixture
def pacs_tables(tmp_path: Path) -> Iterator[TableStores]:
    """Open the tables of a plugin without an archive; they are closed at the end."""
    from pacs_framework.testing.tables import TableStores  # noqa: PLC0415 - see above

    with TableStores(tmp_path) as stores:
        yield stores


@pytest.fixture
def pacs_postgres(_pacs_postgres_server: PrivatePostgres) -> Iterator[PrivatePostgres]:
    """A private PostgreSQL for the whole run; skips with the reason where none can be started.

    All tests share it; the databases that a test makes go after it. Who is to crash or stop one
    starts a `PrivatePostgres` of its own.
    """
    with _pacs_postgres_server.lent() as server:
        yield server


@pytest.fixture(scope="session")
def _pacs_postgres_server() -> Iterator[PrivatePostgres]:
    from pacs_framework.testing.postgres import (  # noqa: PLC0415 - see above
        PostgresMissing,
        PrivatePostgres,
    )

    try:
        server = PrivatePostgres(in_memory=True).__enter__()
    except PostgresMissing as missing:
        pytest.skip(str(missing))
    yield server
    server.__exit__()


@pytest.fixture(params=["sqlite", pytest.param(_POSTGRESQL, marks=pytest.mark.postgresql)])
def pacs_index_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty index, once on each engine: for ``[index] url`` and ``pacs_tables``."""
    if request.param == _POSTGRESQL:
        server: PrivatePostgres = request.getfixturevalue("pacs_postgres")
        return server.new_database()
    return f"sqlite:///{tmp_path / 'index.db'}"


@pytest.fixture(scope="session")
def _pacs_tables_url(_pacs_postgres_server: PrivatePostgres) -> str:
    """One database for the tables of all tests; to make them takes longer than most tests."""
    return _pacs_postgres_server.new_database(lasting=True)


@pytest.fixture(params=["sqlite", pytest.param(_POSTGRESQL, marks=pytest.mark.postgresql)])
def pacs_emptied_tables(request: pytest.FixtureRequest, pacs_tables: TableStores) -> EmptiedTables:
    """Open the tables of a plugin, without rows, once on each engine; `pacs_tables` as it is."""
    from pacs_framework.testing.tables import EmptiedTables  # noqa: PLC0415 - see above

    on_server = request.param == _POSTGRESQL
    url = request.getfixturevalue("_pacs_tables_url") if on_server else ""
    return EmptiedTables(pacs_tables, url)


@pytest.fixture
def pacs_hooks() -> Iterator[HookRecorder]:
    """A plugin that records every call of a hook, and answers as it is told."""
    from pacs_framework.testing.hooks import HookRecorder  # noqa: PLC0415 - see above

    recorder = HookRecorder()
    yield recorder
    recorder.release()


@pytest.fixture
def pacs_clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time as the archive sees it, set by the test."""
    from pacs_framework.testing.clock import Clock  # noqa: PLC0415 - see above

    return Clock(monkeypatch)


@pytest.fixture
def pacs_faulty_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FaultyDisk:
    """Let calls of the operating system fail below the test's folder."""
    from pacs_framework.testing.faulty_disk import FaultyDisk  # noqa: PLC0415 - see above

    return FaultyDisk(monkeypatch, tmp_path)


# --- guards -----------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option that guards every test."""
    parser.addini(
        _GUARDS,
        "fail every test that leaves threads, child processes, open files, files in the current "
        "folder or environment variables behind",
        type="bool",
        default=False,
    )


def pytest_configure(config: pytest.Config) -> None:
    """The markers: of tests on PostgreSQL, and to guard single tests or leave one out."""
    config.addinivalue_line(
        "markers",
        f"{_POSTGRESQL}: a private PostgreSQL is started; skipped where its binaries are missing",
    )
    config.addinivalue_line(
        "markers", f"{_GUARDS}(on=True): fail the test if it leaves anything behind; False does not"
    )


def _is_guarded(request: pytest.FixtureRequest) -> bool:
    marker = request.node.get_closest_marker(_GUARDS)
    if marker is None:
        return bool(request.config.getini(_GUARDS))
    return bool(marker.args[0]) if marker.args else True


@pytest.fixture(autouse=True)
def pacs_guard(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test that leaves something behind, where that is asked for.

    As the first fixture of a test it is set up after those of wider scopes, and ends last.
    """
    if not _is_guarded(request):
        yield
        return
    from pacs_framework.testing.guards import Guard  # noqa: PLC0415 - see above

    request.node.stash[_GUARD] = guard = Guard()
    yield
    problems = guard.problems()
    del request.node.stash[_GUARD]
    if problems:
        pytest.fail("the test left something behind:\n  " + "\n  ".join(problems), pytrace=False)


@pytest.fixture(scope="session", autouse=True)
def pacs_pynetdicom() -> None:
    """Mends pynetdicom, which tests have as their peer, for as long as they run."""
    from pacs_framework.testing.mended_pynetdicom import (  # noqa: PLC0415 - see above
        mend_pynetdicom,
    )

    mend_pynetdicom()


@pytest.fixture(autouse=True)
def pacs_log() -> Iterator[None]:
    """Puts the log back as it was before the test: a command run by one sets it up."""
    from pacs_framework.testing.logging_state import LoggingState  # noqa: PLC0415 - see above

    before = LoggingState.now()
    yield
    before.restore()


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """A fixture of a wider scope leaves the log as it was, and what it holds is not left by the
    test that asked for it first.
    """
    if fixturedef.scope == "function":
        return (yield)  # `pacs_log` and `pacs_guard` are around it
    from pacs_framework.testing.logging_state import LoggingState  # noqa: PLC0415 - see above

    log = LoggingState.now()
    teardown = _LogAround()
    fixturedef.addfinalizer(teardown.after)  # finalizers run last in, first out
    # The node of a wider scope is the module or the session; the test is behind it.
    test = getattr(request, "_pyfuncitem", None)
    guard = None if test is None else test.stash.get(_GUARD, None)
    try:
        return (yield from _held(guard))
    finally:
        log.restore()
        fixturedef.addfinalizer(teardown.before)


def _held(guard: Guard | None) -> Generator[None, object, object]:
    """Set up a fixture; what it brings is not the fault of the test that ``guard`` looks after."""
    if guard is None:
        return (yield)
    from pacs_framework.testing.guards import Leftovers  # noqa: PLC0415 - see above

    before = Leftovers.now()
    try:
        return (yield)
    finally:
        guard.allow(before)


class _LogAround:
    """Puts the log back after the teardown of a fixture, as it was before it."""

    _state: LoggingState | None = None

    def before(self) -> None:
        """The teardown begins."""
        from pacs_framework.testing.logging_state import LoggingState  # noqa: PLC0415 - see above

        self._state = LoggingState.now()

    def after(self) -> None:
        """It has ended."""
        if self._state is not None:
            self._state.restore()
