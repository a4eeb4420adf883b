"""The pytest plugin: it costs nothing unused, and its fixtures are there when asked for."""

from __future__ import annotations


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
                "pacs_framework.testing.pytest_plugin",
            }
        """,
    )
    assert report.of("passed") == {"test_what_is_loaded"}, report.text


def test_every_fixture_is_listed_with_what_it_is_for(run_pytest) -> None:
    """By ``pytest --fixtures``."""
    text = run_pytest("--fixtures").text
    for name in ("archive", "association", "instances", "hooks", "clock", "faulty_disk", "guard"):
        assert f"pacs_{name} " in text
    assert "no docstring available" not in text


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
