"""Ways in that plugins bring: which process opens them, on which port, and how they are told."""

from __future__ import annotations

import socket
from types import SimpleNamespace

import click
import pytest

from pacs_framework import hookimpl
from pacs_framework.app import App, Configured
from pacs_framework.cli import serve_options
from pacs_framework.cli.serve import command as serve
from pacs_framework.config import load_settings
from pacs_framework.doors import Door
from pacs_framework.errors import ConfigurationError
from pacs_framework.plugins import PluginSet
from pacs_framework.testing.factories import Archives


class Noted(Door):
    """Notes what was done with it."""

    scheme = "gopher"
    host = "127.0.0.1"

    def __init__(self, name: str = "hole", *, port: int = 0, chosen: bool = False) -> None:
        self.name = name
        self.port = port
        self.chosen = chosen
        self.events: list[str] = []

    def start(self, listening: socket.socket) -> None:
        self.events.append("start")
        self.listening = listening

    def stop(self) -> None:
        self.events.append("stop")
        self.listening.close()


def providing(*doors: Door) -> SimpleNamespace:
    """A plugin that has these."""

    def provide() -> list[Door]:
        return list(doors)

    return SimpleNamespace(doors=hookimpl(provide))


@pytest.fixture
def taken() -> int:
    """A port that something else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def test_a_door_is_open_from_the_start_to_the_end(pacs_archive: Archives) -> None:
    """It gets a socket that listens, and the archive tells where."""
    door = Noted()
    archive = pacs_archive({"a": providing(door)})
    host, port = door.listening.getsockname()
    assert archive.app.entrances.urls() == {"hole": f"gopher://{host}:{port}"}
    socket.create_connection((host, port)).close()
    archive.stop()
    assert door.events == ["start", "stop"]


@pytest.mark.parametrize(
    ("listen", "feed", "opened", "started"),
    [
        (True, True, True, True),
        (False, True, True, False),
        (True, False, True, True),
        (False, False, False, False),
    ],
    ids=["archive", "supervisor", "worker", "command"],
)
def test_who_accepts_associations_opens_it(
    tmp_path, listen: bool, feed: bool, opened: bool, started: bool
) -> None:
    """The supervisor binds the address for its workers, and starts nothing."""
    door = Noted()
    configured = _configured(tmp_path, door)
    bound = socket.create_server(("127.0.0.1", 0)) if listen else None
    with App(configured, listen=listen, feed=feed, listen_on=bound) as app:
        assert bool(app.entrances.sockets) is opened
        assert bool(door.events) is started


def test_a_worker_serves_on_the_sockets_that_it_is_given(tmp_path) -> None:
    """A door that its supervisor could not open stays closed here, too."""
    given, closed = Noted("given"), Noted("closed")
    configured = _configured(tmp_path, given, closed)
    shared = socket.create_server(("127.0.0.1", 0))
    bound = socket.create_server(("127.0.0.1", 0))
    with App(configured, feed=False, listen_on=bound, doors_on={"given": shared}):
        assert given.listening is shared
    assert closed.events == []


def test_a_chosen_port_that_is_taken_stops_the_start(pacs_archive: Archives, taken: int) -> None:
    with pytest.raises(ConfigurationError, match=f"cannot listen on host .*port {taken}"):
        pacs_archive({"a": providing(Noted(port=taken, chosen=True))})


def test_a_port_that_nobody_chose_and_that_is_taken_leaves_the_door_closed(
    tmp_path, taken: int
) -> None:
    """The archive does its work without."""
    door = Noted(port=taken)
    with socket.create_server(("127.0.0.1", 0)) as other:
        free = other.getsockname()[1]
    with App(_configured(tmp_path, door, port=free)) as app:
        assert app.entrances.urls() == {}
    assert door.events == []


def test_next_to_any_dicom_port_a_port_that_nobody_chose_is_any(
    pacs_archive: Archives, taken: int
) -> None:
    """Archives of tests and trials stand side by side."""
    door = Noted(port=taken)
    pacs_archive({"a": providing(door)})
    assert door.listening.getsockname()[1] != taken


def _configured(folder, *doors: Door, port: int = 0) -> Configured:
    settings = load_settings(
        None, {"archive": {"data": folder / "data"}, "network": {"port": port}}, environment={}
    )
    return Configured(settings=settings, plugins=PluginSet.with_local({"a": providing(*doors)}))


# --- options of pacs serve ----------------------------------------------------------------------


@pytest.fixture
def contributed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin named ``hole`` adds ``--hole-port`` for its setting ``port``."""

    def add() -> dict[str, click.Option]:
        return {"port": click.Option(["--hole-port"], type=int, help="Where it is.")}

    def loaded(settings: object) -> PluginSet:
        del settings
        return PluginSet.with_local({"hole": SimpleNamespace(serve_options=hookimpl(add))})

    monkeypatch.setattr("pacs_framework.plugins.load_plugins", loaded)


@pytest.mark.usefixtures("contributed")
def test_an_option_of_a_plugin_is_a_setting_of_its_section() -> None:
    context = serve.make_context("serve", ["--port", "0", "--hole-port", "7000"])
    plugins = {k: v for k, v in context.params.items() if k.startswith("plugin.")}
    assert serve_options.settings_of_plugins(plugins) == {"plugin": {"hole": {"port": 7000}}}


@pytest.mark.usefixtures("contributed")
def test_help_lists_the_options_of_plugins() -> None:
    with click.Context(serve) as context:
        assert "--hole-port" in serve.get_help(context)


def test_without_such_an_option_no_plugin_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their import would be paid for twice."""
    monkeypatch.setattr("pacs_framework.plugins.load_plugins", None)
    assert serve.make_context("serve", ["--port", "0"]).params["port"] == 0
    assert serve_options.settings_of_plugins({}) == {}
