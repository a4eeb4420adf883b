"""A new plugin takes no name that is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from pacs_framework.authoring.clashes import refuse_taken
from pacs_framework.authoring.names import PluginName
from pacs_framework.errors import ConfigurationError


def refusal(name: str, kind: str, folder: Path, commands: tuple[str, ...] = ()) -> str:
    with pytest.raises(ConfigurationError) as caught:
        refuse_taken(PluginName.parse(name), kind, folder / f"pacs-{name}", commands)
    return str(caught.value)


def test_a_free_name_passes(tmp_path: Path) -> None:
    for kind in ("hook", "service", "storage", "command", "codec", "anonymizer"):
        refuse_taken(PluginName.parse("tagger"), kind, tmp_path / "pacs-tagger", ("serve",))


def test_an_installed_plugin(site, tmp_path: Path) -> None:
    site.install("other", plugins={"tagger": "pacs_other.plugin"})
    assert refusal("tagger", "hook", tmp_path) == (
        "plugin name 'tagger': pacs-other 1.0 is a plugin of this name"
    )


def test_an_installed_distribution(site, tmp_path: Path) -> None:
    site.install("tagger", plugins={})
    assert refusal("tagger", "hook", tmp_path) == (
        "plugin name 'tagger': the distribution pacs-tagger 1.0 is installed"
    )


def test_a_module_that_can_be_imported(site, tmp_path: Path) -> None:
    file = site.folder / "pacs_tagger.py"
    file.write_text("raise SystemExit('it is looked for, not imported')", "utf-8")
    assert refusal("tagger", "hook", tmp_path) == (
        f"plugin name 'tagger': a module 'pacs_tagger' can be imported already ({file})"
    )


def test_a_folder_that_exists(tmp_path: Path) -> None:
    (tmp_path / "pacs-tagger").mkdir()
    assert "choose another name or --into" in refusal("tagger", "hook", tmp_path)


def test_a_command_of_pacs(tmp_path: Path) -> None:
    """For a plugin that would add a command of its name; another kind may have it."""
    assert refusal("verify", "command", tmp_path, ("serve", "verify")) == (
        "plugin name 'verify': 'pacs verify' is a command already"
    )
    refuse_taken(PluginName.parse("verify"), "hook", tmp_path / "pacs-verify", ("verify",))


def test_a_storage_scheme_that_is_provided(site, tmp_path: Path) -> None:
    source = """
    from pacs_framework import hookimpl

    @hookimpl
    def storage_backends():
        return {"tape": print}
    """
    site.install("drive", source)
    assert refusal("tape", "storage", tmp_path) == (
        "plugin name 'tape': the plugin 'drive' provides 'tape' by storage_backends"
    )
    refuse_taken(PluginName.parse("tape"), "hook", tmp_path / "pacs-tape")


def test_an_anonymizer_that_is_provided(site, tmp_path: Path) -> None:
    """Rules ask for it by name, so there is one of each; some have their names from settings."""
    source = """
    from pydantic import BaseModel, Field
    from pacs_framework import hookimpl
    from pacs_framework.anonymizers.anonymizer import Anonymizer

    class Settings(BaseModel):
        name: str = Field(default="blind", description="Its name.")

    class Nothing(Anonymizer):
        def anonymize(self, dataset):
            return dataset

    @hookimpl
    def config_models():
        return Settings

    @hookimpl
    def anonymizers(settings):
        return {settings.name: Nothing()}
    """
    site.install("curtain", source)
    assert refusal("blind", "anonymizer", tmp_path) == (
        "plugin name 'blind': the plugin 'curtain' provides 'blind' by anonymizers"
    )
    refuse_taken(PluginName.parse("blind"), "codec", tmp_path / "pacs-blind")
