"""Keys are made once, and never over another one."""

from __future__ import annotations

import stat
from pathlib import Path

from click.testing import CliRunner

from pacs_anonymize.keys import write_new_key
from pacs_framework.cli.main import main
from pacs_framework.config.keys import KeyReference


def test_a_new_key_is_for_its_owner_and_another_one_each_time(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    write_new_key(one)
    write_new_key(other)
    assert stat.S_IMODE(one.stat().st_mode) == 0o600
    keys = [KeyReference(key_file=each).read_key() for each in (one, other)]
    assert [len(key or b"") for key in keys] == [32, 32]
    assert keys[0] != keys[1]


def test_make_key_never_overwrites(tmp_path: Path) -> None:
    file = tmp_path / "key"
    first = CliRunner().invoke(main, ["anonymize", "make-key", str(file)])
    assert first.exit_code == 0
    before = file.read_bytes()
    second = CliRunner().invoke(main, ["anonymize", "make-key", str(file)])
    assert second.exit_code == 1
    assert "a key is never overwritten" in second.output
    assert file.read_bytes() == before
