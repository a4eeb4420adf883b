"""The pytest plugin: it costs nothing unused, and its fixtures are there when asked for."""

from __future__ import annotations

import re

import pytest


def test_it_imports_next_to_nothing_where_nobody_uses_it(run_pytest) -> None:
    """An empty project's pytest loads neither pydicom nor SQLAlchemy nor pynetdicom."""
    report = run_pytest(
        test_empty="""
        import sys

        def test_what_is_loaded(request):
            assert request.config.pluginmanager.hasplugin("pacs")
            assert "pacs_framework.testing.pytest_plugin" in sys.modules
            heavy = {"pydicom", "pynetdicom", "sqlalchemy", "pydantic", "structlog"}
            loaded = {name for name in sys.modules if name.startswith("pacs_framework.")}
            assert not heavy & set(sys.modules)
            assert loaded <= {
                "pacs_framework.hookspecs",
                "pacs_framework.testing",
                "pacs_framework.testing.logging_state",
                "pacs_framework.testing.mended_pynetdicom",
                "pacs_framework.testing.pytest_plugin",
            }
        """,
    )
    assert report.of("passed") == {"test_what_is_loaded"}, report.text


FIXTURES = {
    "archive", "association", "clock", "emptied_tables", "faulty_disk", "guard", "hooks",
    "index_url", "instances", "log", "postgres", "pynetdicom", "tables",
}  # fmt: skip


def test_every_fixture_is_listed_with_what_it_is_for(run_pytest) -> None:
    """By ``pytest --fixtures``."""
    text = run_pytest("--fixtures").text
    ours = dict(re.findall(r"^pacs_(\w+) .*\n +(.*)", text, re.MULTILINE))
    assert set(ours) == FIXTURES
    assert "no docstring available" not in ours.values()


GUARDED = """
    import multiprocessing, os, socket, subprocess, sys, threading
    import pytest

    END = threading.Event()
    KEPT = []

    def test_nothing():
        pass

    def test_closed(tmp_path):
        with open(tmp_path / "file", "w") as file:
            file.write("x")
        thread = threading.Thread(target=lambda: None)
        thread.start()

    def test_thread():
        threading.Thread(target=END.wait, daemon=True, name="left").start()

    def test_child():
        KEPT.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))

    def test_descriptor():
        KEPT.append(socket.socket())

    def test_file():
        open("left.txt", "w").close()

    def test_environment():
        os.environ["LEFT"] = "1"

    def test_what_python_keeps_for_itself():
        event = multiprocessing.get_context("spawn").Event()  # starts a process that stays
        assert not event.is_set()

    @pytest.mark.pacs_guards(False)
    def test_on_purpose():
        os.environ["LEFT_TOO"] = "1"

    @pytest.fixture(scope="module")
    def shared():
        thread = threading.Thread(target=END.wait, name="shared")
        thread.start()
        yield thread
        END.set()
        thread.join()
        for each in KEPT:
            each.communicate() if hasattr(each, "communicate") else each.close()

    def test_with_a_fixture_of_the_module(shared):
        assert shared.is_alive()

    def test_with_one_that_is_asked_for_late(request):
        assert request.getfixturevalue("shared").is_alive()

    @pytest.fixture(scope="module")
    def later():
        file = open(os.devnull)
        yield file
        file.close()

    def test_that_is_the_first_to_ask(request):
        assert not request.getfixturevalue("later").closed
"""

LEAVING = {
    "test_thread": "thread 'left' goes on",
    "test_child": "child process",
    "test_descriptor": "is open: socket:",
    "test_file": "'left.txt' in the current folder",
    "test_environment": "environment variable 'LEFT' is not as it was",
}


def test_a_test_that_leaves_something_behind_fails(run_pytest) -> None:
    """With what it is; fixtures of a wider scope may keep what they hold."""
    report = run_pytest(config="pacs_guards = true\n", test_guarded=GUARDED)
    # A test that passes and whose guard then complains has two outcomes, of which the last counts.
    assert report.of("error") == set(LEAVING), report.text
    for said in LEAVING.values():
        assert said in report.text


def test_guards_are_asked_for(run_pytest) -> None:
    """Without the option or the marker nothing is looked at."""
    report = run_pytest(test_guarded=GUARDED)
    assert report.of("error") == set(), report.text


def test_a_marker_guards_a_single_test(run_pytest) -> None:
    """Where the option is off."""
    report = run_pytest(
        test_marked="""
        import os
        import pytest

        @pytest.mark.pacs_guards
        def test_guarded():
            os.environ["LEFT"] = "1"

        def test_free():
            os.environ["FREE"] = "1"
        """
    )
    assert report.of("error") == {"test_guarded"}, report.text
    assert report.of("passed") == {"test_free"}


LOGGING = """
    import logging

    import structlog

    from pacs_framework.config import LogSettings
    from pacs_framework.logs import configure_logging

    def test_a_command_sets_up_the_log():
        configure_logging(LogSettings(level="error"), cache=False)
        structlog.contextvars.bind_contextvars(association_id="a1")
        assert logging.getLogger("pydicom").level > logging.CRITICAL

    def test_the_next_one_finds_it_as_it_was():
        assert not structlog.is_configured()
        assert structlog.contextvars.get_contextvars() == {}
        assert logging.getLogger("pydicom").level <= logging.WARNING
        with structlog.testing.capture_logs() as logs:
            structlog.get_logger().info("heard")
        assert [each["event"] for each in logs] == ["heard"]
"""


def test_the_log_is_put_back_after_each_test(run_pytest) -> None:
    """What ran before decides nothing; no option has to ask for it."""
    assert run_pytest(test_logging=LOGGING).of("failed") == set()


WIDER = """
    import pytest
    import structlog

    from pacs_framework.config import LogSettings
    from pacs_framework.logs import configure_logging

    @pytest.fixture(scope="module")
    def site():
        configure_logging(LogSettings(level="error"), cache=False)
        yield
        configure_logging(LogSettings(level="debug"), cache=False)

    def test_asks_for_it(site):
        assert not structlog.is_configured()
"""

AFTERWARDS = """
    import logging
    import structlog

    def test_finds_the_log_as_it_was():
        assert not structlog.is_configured()
        assert logging.getLogger("pydicom").level <= logging.WARNING
"""


def test_a_fixture_of_a_wider_scope_leaves_the_log_as_it_was(run_pytest) -> None:
    """What it runs to set something up, and to take it down again."""
    report = run_pytest(test_a=WIDER, test_b=AFTERWARDS)
    assert report.of("passed") == {"test_asks_for_it", "test_finds_the_log_as_it_was"}, report.text


ENGINES = """
    import sqlalchemy as sa

    def test_an_index(pacs_index_url):
        engine = sa.create_engine(pacs_index_url)
        with engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE only_mine (id INTEGER)"))
        engine.dispose()

    def test_another(pacs_index_url):
        test_an_index(pacs_index_url)
"""

WITHOUT = """
    import pytest
    from pacs_framework.testing import postgres

    def refuse(name):
        raise postgres.PostgresMissing(f"PostgreSQL's {name!r} is not installed")

    @pytest.fixture(autouse=True, scope="session")
    def missing():
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(postgres, "_binary", refuse)
            yield
"""


def test_each_test_has_an_empty_index_of_its_own_on_each_engine(run_pytest) -> None:
    """The same table is made twice on each."""
    report = run_pytest("-rs", test_engines=ENGINES)
    if "is not installed" in report.text:
        pytest.skip("PostgreSQL is not installed")
    assert report.of("passed") == {"test_an_index", "test_another"}, report.text
    assert "4 passed" in report.text


LENT = """
    import psycopg

    def names(server):
        options = server.url().replace("+psycopg", "")
        with psycopg.connect(options) as connection:
            return {name for (name,) in connection.execute("SELECT datname FROM pg_database")}

    def test_asks_for_one(pacs_postgres):
        pacs_postgres.new_database()
        assert {"pacs_1", "pacs_2"} & names(pacs_postgres)

    def test_asks_for_another(pacs_postgres):
        test_asks_for_one(pacs_postgres)
        assert len({"pacs_1", "pacs_2"} & names(pacs_postgres)) == 1
"""


def test_the_databases_of_a_test_go_after_it(run_pytest) -> None:
    """Hundreds of them filled the disk of a run."""
    report = run_pytest("-rs", test_lent=LENT)
    if "is not installed" in report.text:
        pytest.skip("PostgreSQL is not installed")
    assert report.of("passed") == {"test_asks_for_one", "test_asks_for_another"}, report.text


def test_without_postgresql_tests_are_skipped_with_the_reason(run_pytest) -> None:
    """The marker selects those that need it."""
    report = run_pytest("-rs", "-m", "postgresql", conftest=WITHOUT, test_engines=ENGINES)
    assert report.of("skipped") == {"test_an_index", "test_another"}, report.text
    assert "2 skipped, 2 deselected" in report.text
    assert "PostgreSQL's 'initdb' is not installed" in report.text
