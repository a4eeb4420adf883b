"""What a line of the log looks like, and what never stands in one."""

from __future__ import annotations

import io
import json
import logging
import warnings

import pytest
import structlog

from pacs_framework.config import LogSettings
from pacs_framework.logs import configure_logging


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def configure():
    """Configure logging to a stream; `pacs_log` puts back what was before."""

    def configure(stream=None, **settings):
        stream = io.StringIO() if stream is None else stream
        configure_logging(LogSettings(**settings), stream=stream, cache=False)
        return stream

    return configure


def log(name="pacs_framework.test"):
    return structlog.get_logger(name)


def records(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_json_line_has_event_level_time_logger_and_context(configure):
    """One object a line, with what is bound to the thread."""
    stream = configure(format="json")
    structlog.contextvars.bind_contextvars(association_id="a1", peer="CT1")
    log().info("instance stored", size=3)
    (record,) = records(stream)
    assert record.pop("timestamp").endswith("Z")
    assert record == {
        "event": "instance stored",
        "level": "info",
        "logger": "pacs_framework.test",
        "association_id": "a1",
        "peer": "CT1",
        "size": 3,
    }


def test_a_line_for_people_is_plain_text(configure):
    """Event, then keys and values; no colours where there is no terminal."""
    stream = configure(format="console")
    log().warning("disk nearly full", free=10)
    line = stream.getvalue()
    assert "disk nearly full" in line
    assert "free=10" in line
    assert "\x1b" not in line
    assert "pacs_framework.test" not in line


@pytest.mark.parametrize(("stream", "is_json"), [(io.StringIO(), True), (Terminal(), False)])
def test_auto_is_for_people_on_a_terminal_only(configure, stream, is_json):
    """Collectors of logs get JSON."""
    configure(stream)
    log().info("here")
    assert stream.getvalue().startswith("{") is is_json
    assert ("\x1b" in stream.getvalue()) is not is_json


@pytest.mark.parametrize("format_", ["console", "json"])
def test_the_standard_library_is_routed_through(configure, format_):
    """In the same form, with the same context."""
    stream = configure(format=format_)
    structlog.contextvars.bind_contextvars(association_id="a1")
    logging.getLogger("acme").warning("from %s", "acme")
    logging.getLogger("acme").debug("hidden")
    (line,) = stream.getvalue().splitlines()
    assert "from acme" in line
    assert "a1" in line
    if format_ == "json":
        record = json.loads(line)
        assert (record["logger"], record["level"], record["event"]) == (
            "acme",
            "warning",
            "from acme",
        )


def test_below_the_level_nothing_is_written(configure):
    """Neither by events nor by records."""
    stream = configure(level="warning")
    log().info("no")
    logging.getLogger("acme").info("no")
    log().error("yes")
    assert [record["event"] for record in records(stream)] == ["yes"]


def test_configuring_again_replaces_the_stream(configure):
    """No line is written twice."""
    first, second = configure(), configure()
    logging.getLogger("acme").warning("once")
    log().warning("once")
    assert first.getvalue() == ""
    assert [record["event"] for record in records(second)] == ["once", "once"]


def leak():
    logging.getLogger("pydicom").warning("Invalid value 'SECRET^NAME'")
    logging.getLogger("pynetdicom.acse").error("SECRET^NAME")
    logging.getLogger("sqlalchemy.engine.Engine").info("INSERT … ('SECRET^NAME')")
    warnings.warn("Invalid value for VR UI: 'SECRET^NAME'", UserWarning, stacklevel=2)


def test_libraries_that_repeat_values_are_silent_above_debug(configure, capsys):
    """No patient data at level info, not even on standard error past the log."""
    stream = configure(level="info")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        configure(stream, level="info")
        leak()
    assert stream.getvalue() == ""
    assert "SECRET" not in capsys.readouterr().err


def test_at_debug_everything_is_heard(configure):
    """Who asks for debug gets it."""
    stream = configure(level="debug")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        configure(stream, level="debug")
        leak()
    assert stream.getvalue().count("SECRET") == 4


def test_housekeeping_of_the_database_libraries_starts_at_warning(configure):
    """Alembic tells of its dialect at level info."""
    stream = configure(level="info")
    logging.getLogger("alembic.runtime.migration").info("Context impl SQLiteImpl.")
    logging.getLogger("sqlalchemy.pool").warning("pool")
    assert [record["event"] for record in records(stream)] == ["pool"]


def test_secrets_are_hidden(configure):
    """By the name of their key, and in URLs."""
    stream = configure(format="json")
    log().info("opened", url="postgresql://pacs:hunter2@db/pacs", api_key="k", passcode=b"p")
    (record,) = records(stream)
    assert record["url"] == "postgresql://pacs:***@db/pacs"
    assert (record["api_key"], record["passcode"]) == ("***", "***")


@pytest.mark.parametrize("format_", ["console", "json"])
def test_a_traceback_shows_no_variables(configure, format_):
    """Whatever a frame held stays there."""
    stream = configure(format=format_)

    def fail(number):
        raise ValueError("broken")

    try:
        fail(41 + 1000)
    except ValueError:
        log().exception("failed")
    text = stream.getvalue()
    assert "ValueError: broken" in text
    assert "1041" not in text
