"""What is wrong is told all at once, each problem with its place, its value, the nearest name."""

from __future__ import annotations

import pytest

from pacs_framework.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[network]\nprot = 1", "[network] prot: unknown key, did you mean 'port'?"),
        ("[network]\naet = 'X'", "[network] aet: unknown key, did you mean [archive] aet?"),
        ("[network]\nxyz = 1", "[network] xyz: unknown key"),
        ("[netwrok]\nport = 1", "[netwrok]: unknown section, did you mean [network]?"),
        ("[peer.x]\nport = 1", "[peer]: unknown section, did you mean [peers]?"),
        ("port = 1", "port: unknown key above all sections, did you mean [network] port?"),
        (
            "[network.tsl]\nenabled = true",
            "[network.tsl]: unknown section, did you mean [network.tls]?",
        ),
        (
            "[network.tls]\nenable = true",
            "[network.tls] enable: unknown key, did you mean 'enabled'?",
        ),
        (
            "[network]\nport = 70000",
            "[network] port: input should be less than or equal to 65535, not 70000",
        ),
        ("[network]\nport = true", "[network] port: a number is needed, not True"),
        (
            "[network]\nport = 'x'",
            (
                "[network] port: input should be a valid integer, unable to parse string as an "
                "integer, not 'x'"
            ),
        ),
        (
            "[network]\nmax_pdu = 5",
            "[network] max_pdu: the longest PDU has at least 4096 bytes, or 0 for no limit, not 5",
        ),
        (
            "[network]\nartim_timeout = 0",
            "[network] artim_timeout: input should be greater than 0, not 0",
        ),
        (
            "[network]\nidle_timeout = inf",
            "[network] idle_timeout: input should be a finite number, not inf",
        ),
        (
            "[archive]\naet = 'SEVENTEEN_LETTERS'",
            "[archive] aet: an AE title has 1 to 16 characters, not 'SEVENTEEN_LETTERS'",
        ),
        (
            "[archive]\naet = 'A\\B'",
            (
                "[archive] aet: an AE title has ASCII characters only, no backslash and no control "
                "ones, not 'A\\\\B'"
            ),
        ),
        (
            "[archive]\nspool = '3 furlongs'",
            (
                "[archive] spool: a size is a number of bytes or text such as '64 MiB' or '2 GB', "
                "not '3 furlongs'"
            ),
        ),
        (
            "[archive]\nspool = -1",
            "[archive] spool: input should be greater than or equal to 0, not -1",
        ),
        (
            "[archive]\nduplicates = 'keep'",
            "[archive] duplicates: input should be 'ignore', 'replace' or 'reject', not 'keep'",
        ),
        (
            "[network.tls]\nenabled = true",
            "[network.tls]: enabled = true needs certificate and key",
        ),
        (
            (
                "[network.tls]\nenabled = true\ncertificate = 'c'\nkey = 'k'\n"
                "client_certificates = 'required'"
            ),
            "[network.tls]: client_certificates = 'required' needs ca",
        ),
        ("[peers.ws]\naet = 'A'\nport = 1", "[peers.ws] host: this key is required"),
        ("[plugins]\ndeny = [1]", "[plugins] deny[0]: input should be a valid string, not 1"),
        (
            "[plugins]\ndeny = ['a']\nrequired = ['a']",
            "[plugins]: 'a' is both in deny and in required",
        ),
        (
            "[peers]\na = {aet = 'X', host = 'h', port = 1}\nb = {aet = 'X', host = 'h', port = 2}",
            "all sections together: [peers.a] and [peers.b] have the same aet 'X'",
        ),
    ],
)
def test_a_wrong_setting_is_one_line(problems, text, line):
    """Place, what is wrong, and the value or the nearest known name."""
    assert problems(text) == [line]


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        (
            "PACS_NETWORK__PROT",
            "1",
            "PACS_NETWORK__PROT: unknown variable, did you mean PACS_NETWORK__PORT?",
        ),
        (
            "PACS_PORT",
            "1",
            "PACS_PORT: unknown variable, did you mean PACS_NETWORK__PORT?",
        ),
        ("PACS_", "1", "PACS_: unknown variable"),
        (
            "PACS_NETWORK__PORT",
            "x",
            (
                "[network] port (from PACS_NETWORK__PORT): input should be a valid integer, "
                "unable to parse string as an integer, not 'x'"
            ),
        ),
        (
            "PACS_PLUGINS__DENY",
            "exec",
            (
                "[plugins] deny (from PACS_PLUGINS__DENY): lists and tables are written as JSON "
                "here (Expecting value: line 1 column 1 (char 0)), not 'exec'"
            ),
        ),
    ],
)
def test_a_wrong_variable_is_named(problems, name, value, line):
    """And the nearest known one, where it is the name that is wrong."""
    assert problems(**{name: value}) == [line]


def test_every_problem_is_told_at_once(load, tmp_path):
    """One error, with the file in its head."""
    with pytest.raises(ConfigurationError) as caught:
        load("[network]\nprot = 1\nport = 'x'\n[log]\nlevel = 'loud'\n", PACS_ARCHIVE__AET="")
    lines = str(caught.value).splitlines()
    assert lines[0] == f"the configuration ({tmp_path}/pacs.toml) has 4 problems:"
    assert lines[1] == (
        "  [archive] aet (from PACS_ARCHIVE__AET): an AE title has 1 to 16 characters, not ''"
    )
    assert len(lines) == 5


def test_a_password_is_not_repeated(problems):
    """Not that of a URL, not the value of a key that is called a secret."""
    (line,) = problems("[index]\nurl = ['postgresql://pacs:hunter2@db/pacs']")
    assert "hunter2" not in line
    assert "postgresql://pacs:***@db/pacs" in line
