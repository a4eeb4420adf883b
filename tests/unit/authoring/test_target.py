"""Which plugin is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from pacs_framework.authoring.target import find_target
from pacs_framework.errors import ConfigurationError


@pytest.mark.parametrize("text", ["tagger", "pacs-other", "other"])
def test_by_the_plugin_by_the_distribution_and_without_the_prefix(
    site, tmp_path: Path, text: str
) -> None:
    site.install("other", plugins={"tagger": "pacs_other.plugin"})
    target = find_target(text, tmp_path)
    assert (target.name, target.distribution.name) == ("tagger", "pacs-other")


def test_by_the_project_one_stands_in(site, tmp_path: Path) -> None:
    site.install("other")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "pacs-other"\n', "utf-8")
    assert find_target(None, tmp_path).name == "other"


def test_a_name_that_two_claim_is_not_guessed(site, tmp_path: Path) -> None:
    site.install("one", plugins={"tagger": "pacs_one.plugin"})
    site.install("two", plugins={"tagger": "pacs_two.plugin"})
    with pytest.raises(ConfigurationError) as caught:
        find_target("tagger", tmp_path)
    assert str(caught.value) == (
        "'tagger' is claimed by pacs-one and pacs-two: give the name of a distribution"
    )


def test_what_is_not_installed_is_to_be_installed(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "pacs-gone"\n', "utf-8")
    with pytest.raises(ConfigurationError) as caught:
        find_target(None, tmp_path)
    assert str(caught.value) == (
        "no plugin or distribution 'pacs-gone' is installed here; install it first, for example "
        "with `pip install -e .` in its folder"
    )


def test_a_folder_without_a_project_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^no pyproject\.toml in .*: name a plugin"):
        find_target(None, tmp_path)


@pytest.mark.parametrize("text", ["", "[project]\n", "project = 1\n", "[[", "\0"])
def test_a_project_without_a_name_says_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text, "utf-8")
    with pytest.raises(ConfigurationError, match="no name of a project"):
        find_target(None, tmp_path)
