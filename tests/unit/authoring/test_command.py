"""``pacs plugin``: tables, JSON and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pacs_framework.cli.main import main


def pacs(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["plugin", *map(str, arguments)])


def test_new_tells_what_it_wrote_and_what_to_do_next(tmp_path: Path) -> None:
    done = pacs("new", "tagger", "--into", tmp_path)
    assert done.exit_code == 0, done.output
    project = tmp_path / "pacs-tagger"
    assert f"{project / 'pyproject.toml'}\n" in done.output
    assert f"  cd {project}\n" in done.output
    upgrade = done.output.index("  python -m pip install -U pip ")
    assert upgrade < done.output.index("  python -m pip install -e . --group test\n")
    for line in done.output.partition("\n\n")[0].splitlines():
        assert Path(line).is_file()


def test_new_tells_programs_the_same(tmp_path: Path) -> None:
    told = json.loads(pacs("new", "tagger", "--into", tmp_path, "--json").output)
    assert told["project"] == str(tmp_path / "pacs-tagger")
    files = [path for path in Path(told["project"]).rglob("*") if path.is_file()]
    assert sorted(told["files"]) == sorted(map(str, files))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("pacs-tagger",), "use 'tagger'"),
        (("verify", "--kind", "command"), "'pacs verify' is a command already"),
        (("echo", "--kind", "command"), "'pacs echo' is a command already"),
        (("tagger", "--kind", "nonsense"), "has no contract for it"),
        (("tagger", "--license", "?"), "is no SPDX expression"),
    ],
)
def test_new_refuses_with_the_reason_and_writes_nothing(
    tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    done = pacs("new", *arguments, "--into", tmp_path)
    assert done.exit_code == 1
    assert words in done.output
    assert list(tmp_path.iterdir()) == []


def test_new_says_that_a_folder_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    done = pacs("new", "tagger", "--into", file / "inner")
    assert done.exit_code == 1
    assert done.output.startswith("Error: ")
    assert "Not a directory" in done.output


def test_check_prints_a_table_and_exits_by_the_result(site) -> None:
    site.install()
    done = pacs("check", "sound")
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[0].split() == ["CHECK", "RESULT", "DETAIL"]
    assert done.output.endswith("pacs-sound 1.0: passed\n")
    site.install(requires=())
    done = pacs("check", "sound")
    assert done.exit_code == 1
    assert done.output.endswith("pacs-sound 1.0: failed\n")


def test_check_tells_programs_the_same(site) -> None:
    site.install(requires=())
    done = pacs("check", "pacs-sound", "--json")
    assert done.exit_code == 1
    report = json.loads(done.output)
    assert (report["plugin"], report["version"], report["passed"]) == ("sound", "1.0", False)
    failed = [check["check"] for check in report["checks"] if check["result"] == "failed"]
    assert failed == ["API range", "loading"]


def test_check_of_a_distribution_without_a_plugin_ends_there(site) -> None:
    site.install(plugins={})
    done = pacs("check", "pacs-sound", "--json")
    assert done.exit_code == 1
    assert json.loads(done.output)["checks"][0]["check"] == "entry point"


def test_check_of_what_is_not_installed_says_so() -> None:
    done = pacs("check", "gone")
    assert done.exit_code == 1
    assert done.output.startswith("Error: no plugin or distribution 'gone' is installed here")
