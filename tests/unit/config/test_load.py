"""Where settings come from, and which source wins."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from pydantic import ValidationError

from pacs_framework.config import Settings, load_settings
from pacs_framework.errors import ConfigurationError


def test_without_any_source_the_defaults_hold(tmp_path, monkeypatch):
    """The archive of the README: PACS on 127.0.0.1:11112 with its data in ./pacs-data."""
    monkeypatch.chdir(tmp_path)
    settings = load_settings(environment={})
    assert (settings.archive.aet, settings.network.host, settings.network.port) == (
        "PACS",
        "127.0.0.1",
        11112,
    )
    assert settings.archive.data == tmp_path / "pacs-data"
    assert settings == Settings()


def test_the_command_line_wins_over_the_environment_over_the_file(load):
    """Each source leaves alone what it does not name."""
    text = "[network]\nport = 1\nhost = 'file'\nworkers = 4\n"
    settings = load(
        text,
        {"network": {"port": 3, "host": None}, "network.max_pdu": 8192},
        PACS_NETWORK__PORT="2",
        PACS_NETWORK__MAX_PDU="4096",
        PACS_NETWORK__HOST="variable",
    )
    assert settings.network.port == 3
    assert settings.network.host == "variable"
    assert settings.network.workers == 4
    assert settings.network.max_pdu == 8192


def test_the_process_environment_is_read(monkeypatch):
    """`os.environ`, unless told otherwise."""
    monkeypatch.setenv("PACS_NETWORK__PORT", "104")
    assert load_settings().network.port == 104


def test_a_variable_may_name_the_file(tmp_path):
    """PACS_CONFIG, unless a path is given."""
    named, given = tmp_path / "named.toml", tmp_path / "given.toml"
    named.write_text("[archive]\naet = 'NAMED'\n")
    given.write_text("[archive]\naet = 'GIVEN'\n")
    variables = {"PACS_CONFIG": str(named)}
    assert load_settings(environment=variables).archive.aet == "NAMED"
    assert load_settings(given, environment=variables).archive.aet == "GIVEN"


def test_variables_reach_nested_sections_lists_and_tables(load):
    """Numbers and truth as text, lists and tables as JSON."""
    settings = load(
        PACS_NETWORK__TLS__MINIMUM_VERSION="1.3",
        PACS_NETWORK__CHECK_CALLED_AET="true",
        PACS_NETWORK__ARTIM_TIMEOUT="2.5",
        PACS_ARCHIVE__SPOOL="2 MiB",
        PACS_PLUGINS__DENY='["exec", "access"]',
        PACS_PEERS='{"ws": {"aet": "WS", "host": "h", "port": 104}}',
    )
    assert settings.network.tls.minimum_version == "1.3"
    assert settings.network.check_called_aet is True
    assert settings.network.artim_timeout == 2.5
    assert settings.archive.spool == 2 << 20
    assert settings.plugins.deny == ("exec", "access")
    assert settings.peers["ws"].port == 104


def test_names_of_variables_find_the_names_of_the_file(load):
    """Whatever their case and hyphens; a new name is lower case with hyphens."""
    text = "[peers.My-Station]\naet = 'A'\nhost = 'h'\nport = 1\n"
    settings = load(
        text,
        PACS_PEERS__MY_STATION__PORT="2",
        PACS_PLUGIN__QUERY_RETRIEVE__LIMIT="5",
        PACS_PLUGINS__LIMITS__QUERY_RETRIEVE__DECIDE_SECONDS="3",
    )
    assert settings.peers["My-Station"].port == 2
    assert settings.plugins.limits["query-retrieve"].decide_seconds == 3
    assert settings.plugin == {"query-retrieve": {"limit": "5"}}


def test_paths_of_a_file_start_at_its_folder(load, tmp_path, monkeypatch):
    """Those of variables and of the command line at the current folder; all are absolute."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    text = "[archive]\ndata = 'objects'\n[network.tls]\nca = '/etc/ca.pem'\n"
    assert load(text).archive.data == tmp_path / "objects"
    assert load(text).network.tls.ca == Path("/etc/ca.pem")
    assert load(text, PACS_ARCHIVE__DATA="v").archive.data == here / "v"
    assert load(text, {"archive": {"data": Path("c")}}).archive.data == here / "c"
    assert load(text, {"archive.data": "c"}).archive.data == here / "c"
    assert load("").archive.data == here / "pacs-data"


def test_the_home_folder_is_known(load, monkeypatch):
    """``~`` is the home of who runs the archive."""
    monkeypatch.setenv("HOME", "/home/pacs")
    assert load("[archive]\ndata = '~/data'\n").archive.data == Path("/home/pacs/data")


def test_an_empty_path_is_none(load):
    """A variable can take a file away again."""
    text = "[network.tls]\nca = 'ca.pem'\n"
    assert load(text, PACS_NETWORK__TLS__CA="").network.tls.ca is None


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1048576", 1048576),
        ("'64 MiB'", 64 << 20),
        ("'2GB'", 2 * 10**9),
        ("'1.5 KiB'", 1536),
        ("'10 kb'", 10_000),
        ("'7'", 7),
        ("0", 0),
    ],
)
def test_sizes_are_numbers_or_text_with_a_unit(load, text, size):
    """KiB counts by 1024, kB by 1000."""
    assert load(f"[archive]\nspool = {text}\n").archive.spool == size


def test_settings_do_not_change(load):
    """They are frozen, in every section."""
    settings = load()
    with pytest.raises(ValidationError, match="frozen"):
        settings.network.port = 5


def test_settings_travel_to_other_processes(load):
    """Sections of plugins included, with their sources."""
    settings = load("[plugin.x]\nfolder = 'f'\n", PACS_PLUGIN__X__LIMIT="3")
    again = pickle.loads(pickle.dumps(settings))
    assert again == settings
    assert again.plugin["x"]["folder"].folder == settings.plugin["x"]["folder"].folder


# --- sources that cannot be used ---------------------------------------------------------------


def test_a_file_that_is_not_there_is_named(tmp_path):
    """Not a silent default."""
    with pytest.raises(ConfigurationError) as caught:
        load_settings(tmp_path / "no.toml", environment={})
    assert str(caught.value) == f"cannot read '{tmp_path}/no.toml': No such file or directory"


def test_a_file_that_is_not_toml_says_where(load, tmp_path):
    """With line and column."""
    with pytest.raises(ConfigurationError) as caught:
        load("[archive]\naet = \n")
    assert str(caught.value) == (
        f"'{tmp_path}/pacs.toml' is not valid TOML: Invalid value (at line 2, column 7)"
    )


def test_a_file_that_is_not_text_is_refused(tmp_path):
    """TOML is UTF-8."""
    file = tmp_path / "pacs.toml"
    file.write_bytes(b"[archive]\naet = '\xff'\n")
    with pytest.raises(ConfigurationError, match="is not UTF-8 text"):
        load_settings(file, environment={})


def test_variables_that_contradict_each_other_are_refused(load):
    """A whole and a part of it."""
    with pytest.raises(ConfigurationError) as caught:
        load(PACS_PEERS="{}", PACS_PEERS__WS__PORT="1")
    assert str(caught.value) == (
        "PACS_PEERS__WS__PORT sets a part of PACS_PEERS, which is set as a whole too; "
        "keep one of them"
    )
