"""The hooks in an archive: anonymizers by name, rules that stop the start, hooks that are idle."""

from __future__ import annotations

import copy
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydicom import Dataset

from pacs_anonymize import plugin
from pacs_anonymize.keys import write_new_key
from pacs_framework import hookimpl
from pacs_framework.anonymizers.anonymizer import Anonymizer
from pacs_framework.anonymizers.applying import anonymized
from pacs_framework.cli.main import main
from pacs_framework.config import Settings, load_settings, validate_plugin_sections
from pacs_framework.conformance.records import Remark
from pacs_framework.errors import ConfigurationError, NotAnonymized, PluginError
from pacs_framework.plugins import PluginSet
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.running import running_archive

RULE = {"anonymizer": "basic"}


@pytest.fixture
def key(tmp_path: Path) -> str:
    write_new_key(tmp_path / "key")
    return str(tmp_path / "key")


def header() -> Dataset:
    dataset = make_instance()
    del dataset.PixelData
    return dataset


def archive_with(folder: Path, **settings: object):
    return running_archive(
        folder, {"anonymize": plugin}, settings={"plugin": {"anonymize": settings}}
    )


def checked(**settings: object) -> Settings:
    loaded = load_settings(None, {"plugin": {"anonymize": settings}}, environment={})
    validate_plugin_sections(loaded, {"anonymize": plugin.config_models()})
    return loaded


# --- anonymizers ----------------------------------------------------------------------------------


def test_profiles_are_anonymizers_of_the_archive_by_name(tmp_path: Path, key: str) -> None:
    (tmp_path / "site.toml").write_text("[[rule]]\nkeyword = 'Modality'\naction = 'X'\n")
    own = {
        "dates": {"options": ["retain-longitudinal-full-dates"]},
        "site": {"file": str(tmp_path / "site.toml")},
    }
    with archive_with(tmp_path / "archive", key_file=key, profiles=own) as running:
        made = running.archive.anonymizers
        assert {each.name for each in made} == {"basic", "hipaa-safe-harbor", "dates", "site"}
        assert "Modality" in anonymized(made["basic"], header())
        assert "Modality" not in anonymized(made["site"], header())
        assert anonymized(made["dates"], header()).StudyDate == "20260102"
        assert anonymized(made["basic"], header()).get("StudyDate") != "20260102"


def test_two_archives_with_one_key_give_one_pseudonym(tmp_path: Path, key: str) -> None:
    answers = []
    original = header()
    for name in ("one", "other"):
        with archive_with(tmp_path / name, key_file=key) as running:
            anonymizer = running.archive.anonymizers["basic"]
            answers.append(anonymized(anonymizer, copy.deepcopy(original)))
    assert answers[0] == answers[1]
    assert answers[0].SOPInstanceUID != original.SOPInstanceUID


def test_without_a_key_nothing_is_de_identified_and_the_remedy_is_told(tmp_path: Path) -> None:
    """A key of its own in each process would give one patient several pseudonyms."""
    with (
        archive_with(tmp_path) as running,
        pytest.raises(NotAnonymized, match="pacs anonymize make-key FILE"),
    ):
        anonymized(running.archive.anonymizers["basic"], header())


# --- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"on_store": [RULE]}, "rules in on_store need a key for their pseudonyms"),
        ({"key_file": "/no/such/key"}, "'/no/such/key' cannot be read: No such file or directory"),
        ({"key_env": "PACS_KEY"}, "variables that begin with PACS_ are settings"),
        ({"key_env": "NO_SUCH_KEY"}, "'NO_SUCH_KEY' with the key is not set"),
        ({"key_env": "A", "key_file": "/b"}, "key_file and key_env are both set"),
        (
            {"profiles": {"basic": {"options": ["retain-uids"]}}},
            "profiles.basic: this name is taken",
        ),
        ({"profiles": {"a/b": {"options": ["retain-uids"]}}}, "cannot name a profile"),
        ({"profiles": {"a": {"options": ["b"]}}}, "input should be 'clean-graphics'"),
        ({"profiles": {"a": {"file": "/no/file"}}}, "'/no/file' cannot be read"),
        (
            {"profiles": {"a": {"file": "/no/file", "options": ["retain-uids"]}}},
            "options are written into the profile file",
        ),
        ({"on_store": [{"anonymiser": "basic"}]}, "anonymiser: unknown key"),
    ],
)
def test_a_setting_that_cannot_work_stops_the_start(
    settings: dict[str, object], problem: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        checked(**settings)
    assert problem in str(caught.value)


def test_pacs_check_finds_a_rule_for_an_anonymizer_that_nobody_has(tmp_path: Path) -> None:
    """Nothing is started for that, and it is told as a start tells it."""
    write_new_key(tmp_path / "key")
    config = tmp_path / "pacs.toml"
    config.write_text(
        f'[archive]\ndata = "{tmp_path / "data"}"\n'
        f'[plugin.anonymize]\nkey_file = "{tmp_path / "key"}"\n'
        '[[plugin.anonymize.on_store]]\nanonymizer = "basik"\n'
    )
    done = CliRunner().invoke(main, ["check", "--config", str(config)])
    assert done.exit_code == 1
    assert "no anonymizer is called 'basik'" in done.output
    assert not (tmp_path / "data").exists()
    config.write_text(config.read_text().replace("basik", "basic"))
    assert CliRunner().invoke(main, ["check", "--config", str(config)]).exit_code == 0


def test_a_key_may_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITE_KEY", "ab" * 32)
    checked(key_env="SITE_KEY", on_store=[RULE])


def test_a_rule_for_an_anonymizer_that_nobody_has_stops_the_start(tmp_path: Path, key: str) -> None:
    rules = [{"anonymizer": "basics"}]
    with pytest.raises(PluginError, match="did you mean 'basic'"):  # noqa: SIM117 - it must not run
        with archive_with(tmp_path, key_file=key, on_store=rules):
            pass


class _Other(Anonymizer):
    description = "of another plugin"

    def anonymize(self, dataset: Dataset) -> Dataset:
        dataset.PatientName, dataset.PatientIdentityRemoved = "Other", "YES"
        dataset.DeidentificationMethod = "by hand"
        return dataset


class _Plugin:
    @hookimpl
    def anonymizers(self) -> dict[str, Anonymizer]:
        return {"other": _Other()}


def test_a_rule_may_name_an_anonymizer_of_another_plugin(tmp_path: Path) -> None:
    """Which needs no key of ours."""
    settings = {"plugin": {"anonymize": {"on_store": [{"anonymizer": "other"}]}}}
    plugins = {"anonymize": plugin, "other": _Plugin()}
    with running_archive(tmp_path, plugins, settings=settings) as running:
        instance = make_instance()
        running.take_in(instance)
        with running.archive.open_file(str(instance.SOPInstanceUID)) as kept:
            stored = kept.read()
    assert b"Other" in stored
    assert b"Doe" not in stored


def test_without_a_rule_no_instance_is_looked_at(key: str) -> None:
    with closing(PluginSet.with_local({"anonymize": plugin})) as plugins:
        assert not plugins.decides_on_store
        settings = plugin.config_models()(key_file=key, on_store=[RULE])
        plugins.bind_settings({"anonymize": settings})
        assert plugins.decides_on_store


# --- what it tells --------------------------------------------------------------------------------


def test_the_conformance_statement_tells_the_rules(key: str) -> None:
    settings = plugin.config_models()(
        key_file=key, on_store=[{"anonymizer": "basic", "modality": "CT"}]
    )
    texts = [each.text for each in plugin.conformance(settings) if isinstance(each, Remark)]
    assert any("Modality CT: basic" in text and "0110H" in text for text in texts)
    assert any("retain-uids" in text and "clean-pixel-data" in text for text in texts)
    assert not any(key in text for text in texts)


def test_profiles_lists_the_anonymizers_of_all_plugins() -> None:
    done = CliRunner().invoke(main, ["anonymize", "profiles"])
    assert done.exit_code == 0, done.output
    rows = {line.split()[0]: line for line in done.output.splitlines()}
    assert "anonymize" in rows["basic"]
    assert "45 CFR 164.514" in rows["hipaa-safe-harbor"]
