"""What is written: every name in its place, whatever the name, and nothing left of the template."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import importlib_metadata
import pytest
from packaging.requirements import Requirement

from pacs_framework.authoring.names import PluginName
from pacs_framework.authoring.project import (
    Project,
    check_kind,
    kernel_range,
    kinds,
    new_project,
)
from pacs_framework.errors import ConfigurationError
from pacs_framework.plugins.contract import Contract

LEFT = re.compile(r"samplename|sample author|2\.25\.1\b|>=0\.0", re.IGNORECASE)
EVERY_KIND = pytest.mark.parametrize("kind", kinds())


def write(folder: Path, kind: str, name: str = "tagger", **more: str) -> Path:
    """Write a project; its folder."""
    new_project(Project(name=PluginName.parse(name), kind=kind, **more), folder)
    return folder / f"pacs-{name}"


def settings_of(project: Path) -> dict[str, object]:
    return tomllib.loads((project / "pyproject.toml").read_text("utf-8"))["project"]


OWN = {"anonymizer", "codec", "command", "hook", "service", "storage"}


@pytest.fixture
def no_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of the installed plugins brings a template."""
    monkeypatch.setattr(importlib_metadata, "entry_points", lambda **_: ())


@pytest.mark.usefixtures("no_plugins")
def test_there_is_a_template_for_each_kind_with_a_contract() -> None:
    assert set(kinds()) == OWN


def bring(monkeypatch: pytest.MonkeyPatch, value: str, name: str = "thing") -> None:
    """A plugin brings a template by an entry point of this value."""
    point = importlib_metadata.EntryPoint(name=name, value=value, group="pacs.plugin_templates")
    monkeypatch.setattr(importlib_metadata, "entry_points", lambda **_: (point,))


def test_a_plugin_brings_a_template_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an entry point of a folder; names are replaced as in the kernel's."""
    template = tmp_path / "template"
    (template / "src" / "pacs_samplename").mkdir(parents=True)
    (template / "src" / "pacs_samplename" / "thing.py").write_text('"""A samplename."""\n')
    monkeypatch.setattr(sys.modules[__name__], "FOLDER", template, raising=False)
    monkeypatch.setitem(sys.modules, "bringing_a_thing", sys.modules[__name__])
    bring(monkeypatch, "bringing_a_thing:FOLDER")
    assert set(kinds()) == OWN | {"thing"}
    written = write(tmp_path, "thing") / "src" / "pacs_tagger" / "thing.py"
    assert written.read_text() == '"""A tagger."""\n'


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("no_such_module:FOLDER", "No module named 'no_such_module'"),
        ("pathlib:NOTHING", "has no attribute 'NOTHING'"),
        ("sys:platform", "is no folder: 'linux'"),
    ],
)
def test_a_template_that_cannot_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, said: str
) -> None:
    """Before anything is written."""
    bring(monkeypatch, value)
    with pytest.raises(ConfigurationError) as caught:
        write(tmp_path, "thing")
    assert str(caught.value).startswith(f"the template 'thing' ({value})")
    assert said in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_plugin_takes_no_kind_of_the_kernel_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(monkeypatch, "no_such_module:FOLDER", name="hook")
    assert (write(tmp_path, "hook") / "pyproject.toml").exists()


def refusal(kind: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        check_kind(kind)
    return str(caught.value)


@pytest.mark.usefixtures("no_plugins")
def test_a_kind_without_a_contract_is_refused_with_that_reason() -> None:
    assert refusal("nonsense") == (
        "kind 'nonsense': this kernel (0.1.0) has no contract for it, so nothing could be kept "
        "(kinds: anonymizer, codec, command, hook, service, storage)"
    )


@pytest.mark.usefixtures("no_plugins")
@pytest.mark.parametrize(
    ("kind", "meant"), [("storag", "storage"), ("storage_backend", "storage"), ("codecs", "codec")]
)
def test_a_kind_that_is_nearly_one_is_met_with_that(kind: str, meant: str) -> None:
    assert refusal(kind) == (
        f"no kind {kind!r}; did you mean {meant!r}? "
        "(kinds: anonymizer, codec, command, hook, service, storage)"
    )


@pytest.mark.usefixtures("no_plugins")
@pytest.mark.parametrize("kind", ["config_model", "dicomweb"])
def test_a_kind_without_a_template_is_refused_with_what_is_missing(kind: str) -> None:
    """The hook of its contract, or else the template alone."""
    has_hook = f"{kind}s" in Contract().hooks
    words = "there is no template yet" if has_hook else "has no contract for it"
    assert words in refusal(kind)


@EVERY_KIND
def test_a_project_has_the_shape_of_a_plugin(tmp_path: Path, kind: str) -> None:
    project = write(tmp_path, kind)
    package = project / "src" / "pacs_tagger"
    assert (package / "plugin.py").exists()
    assert (package / "py.typed").exists()
    assert list((project / "tests").glob("test_*.py"))
    assert (project / "README.md").read_text("utf-8").startswith("# pacs-tagger\n")
    facts = settings_of(project)
    assert facts["name"] == "pacs-tagger"
    assert facts["entry-points"]["pacs.plugins"] == {"tagger": "pacs_tagger.plugin"}
    assert "pacs-framework>=0.1,<0.2" in facts["dependencies"]


@EVERY_KIND
def test_nothing_is_left_of_the_template(tmp_path: Path, kind: str) -> None:
    project = write(tmp_path, kind, "my-tagger")
    for path in project.rglob("*"):
        assert "sample" not in str(path.relative_to(project)).lower()
        if path.is_file():
            text = path.read_text("utf-8")
            assert not re.search(
                r"samplename|Sample Author|2\.25\.1\b|>=0\.0", text, re.IGNORECASE
            ), path


@EVERY_KIND
@pytest.mark.parametrize("name", ["x", "a-name-of-the-greatest-length1"])
def test_style_is_clean_whatever_the_name(tmp_path: Path, kind: str, name: str) -> None:
    """No line grows too long, none could be joined, and imports stay in order."""
    project = write(tmp_path, kind, name)
    for command in (("check",), ("format", "--check")):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache", "."],
            cwd=project,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout


@EVERY_KIND
def test_requirements_are_those_of_the_kernel(tmp_path: Path, kind: str) -> None:
    """Where both need the same library, they ask for the same versions."""
    kernel = {
        requirement.name: requirement.specifier
        for requirement in map(Requirement, importlib_metadata.requires("pacs-framework") or ())
    }
    for line in settings_of(write(tmp_path, kind))["dependencies"]:
        requirement = Requirement(line)
        if requirement.name != "pacs-framework":
            known = kernel.get(requirement.name, requirement.specifier)
            assert requirement.specifier == known, line


def test_author_and_licence_are_as_they_are_given(tmp_path: Path) -> None:
    author = 'Jane "JD" Doe \\ Sons'
    facts = settings_of(write(tmp_path, "hook", author=author, licence="licenseref-Proprietary"))
    assert facts["authors"] == [{"name": author}]
    assert facts["license"] == "LicenseRef-Proprietary"


def test_without_an_author_none_is_made_up(tmp_path: Path) -> None:
    assert "authors" not in settings_of(write(tmp_path, "hook"))


def test_an_unknown_licence_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        write(tmp_path, "hook", licence="do what you want")
    assert str(caught.value) == (
        "licence 'do what you want' is no SPDX expression; use one such as 'MIT', 'Apache-2.0' "
        "or 'LicenseRef-Proprietary'"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_exists_is_left_alone(tmp_path: Path) -> None:
    project = write(tmp_path, "hook")
    (project / "README.md").write_text("mine", "utf-8")
    with pytest.raises(FileExistsError):
        write(tmp_path, "hook")
    assert (project / "README.md").read_text("utf-8") == "mine"


def test_each_service_gets_a_sop_class_of_its_own(tmp_path: Path) -> None:
    """A UID made of a fresh UUID (PS3.5 B.2), the same in code and on the page."""
    uids = set()
    for name in ("one", "two"):
        project = write(tmp_path, "service", name)
        source = (project / "src" / f"pacs_{name}" / "service.py").read_text("utf-8")
        [uid] = re.findall(r'"(2\.25\.\d{10,})"', source)
        assert uid in (project / "README.md").read_text("utf-8")
        uids.add(uid)
    assert len(uids) == 2


@pytest.mark.parametrize(
    ("version", "expected"), [("0.1.0", ">=0.1,<0.2"), ("1.9.3", ">=1.9,<1.10")]
)
def test_the_api_range_is_the_minor_version_of_the_kernel(version: str, expected: str) -> None:
    assert kernel_range(version) == expected
