"""A plugin is imported, configured and called: whatever it does is a finding."""

from __future__ import annotations

import json

import pytest

from pacs_framework.authoring.inside import Steps, check_inside
from pacs_framework.authoring.probe import probe
from pacs_framework.authoring.report import Finding

GOOD = """
from pydantic import BaseModel, Field
from pacs_framework import hookimpl
from pacs_framework.archive.incoming import Refusal

class Inner(BaseModel):
    depth: int = Field(default=3, description="How deep.")

class Settings(BaseModel):
    names: tuple[str, ...] = Field(default=("ä", 'a"b'), description="Names.")
    inner: Inner = Field(default_factory=Inner, description="More.")

@hookimpl
def config_models():
    return Settings

@hookimpl
def storage_backends(settings):
    return {"tape": print}

@hookimpl
def conformance():
    return []

@hookimpl
def on_association(request):
    return None

@hookimpl
def on_store(instance, settings):
    assert settings.inner.depth == 3
    return None if instance.attributes["PatientID"] else Refusal(reason="no patient")

@hookimpl
def on_stored(change, archive):
    with archive.open_file(change.sop_instance_uid) as file:
        assert file.read(132).endswith(b"DICM")
"""


def heard(found: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Without the warning that these small plugins document nothing, which has its own test."""
    return [row for row in found if row[:2] != ("conformance", "warning")]


@pytest.fixture
def probed(site, told):
    """What a plugin with this source tells from a process of its own."""

    def run(source: str, *, timeout: float = 30.0):
        return heard(told(probe(site.install(source=source), config=None, timeout=timeout)))

    return run


@pytest.fixture
def rows(site, told, tmp_path, monkeypatch):
    """What a plugin with this source tells, without the process."""

    def run(source: str, *, config=None, **more):
        messages: list[dict] = []
        target = site.install(source=source, **more)
        steps = Steps(lambda **message: messages.append(message), timeout=30.0)
        check_inside(steps, target, config, tmp_path)
        found = [message["finding"] for message in messages if "finding" in message]
        return heard(told([Finding.from_json(json.loads(json.dumps(row))) for row in found]))

    monkeypatch.chdir(tmp_path)
    return run


def test_a_sound_plugin_is_imported_configured_and_called(probed) -> None:
    found = probed(GOOD)
    assert {result for _, result, _ in found} == {"ok"}
    details = {check: detail for check, _, detail in found}
    assert list(details) == [
        "import",
        "hooks",
        "configuration",
        "storage_backends",
        "conformance",
        "on_association",
        "on_store",
        "on_stored",
    ]
    assert "pacs_sound 2" in details["import"]
    assert "on_store(instance, settings)" in details["hooks"]
    assert details["configuration"].startswith("[plugin.sound]: names, inner; ")
    assert details["storage_backends"].startswith("provides tape; ")
    assert details["on_store"].startswith("3 × no objection, 2 × Refusal; ")
    assert details["on_store"].endswith(" of 10 s")
    assert details["on_stored"].endswith(" of 300 s")


def last(found: list[tuple[str, str, str]]) -> tuple[str, str, str]:
    """The one that failed, which is the last: nothing after it was looked at."""
    assert [result for _, result, _ in found[:-1]] == ["ok"] * (len(found) - 1)
    return found[-1]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero ("),
        ("import yaml_of_nobody", "ModuleNotFoundError: No module named 'yaml_of_nobody'"),
        ("raise SystemExit('bye')", "SystemExit: bye"),
        ("def broken(:", "SyntaxError: "),
    ],
)
def test_an_import_that_fails(rows, source: str, words: str) -> None:
    check, result, detail = last(rows(source))
    assert (check, result) == ("import", "failed")
    assert words in detail


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import os; os._exit(3)", "its process ended with exit code 3; what follows was not"),
        ("import os; os.kill(os.getpid(), 11)", "its process killed by SIGSEGV"),
        (
            "import os, sys; print('out of paper', file=sys.stderr, flush=True); os._exit(0)",
            "its process ended with exit code 0: out of paper",
        ),
    ],
)
def test_an_import_that_kills(probed, source: str, words: str) -> None:
    check, result, detail = last(probed(source))
    assert (check, result) == ("import", "failed")
    assert words in detail


@pytest.mark.parametrize("wait", ["import time; time.sleep(600)", "while True: pass"])
def test_an_import_that_hangs_is_killed(probed, wait: str) -> None:
    assert last(probed(wait, timeout=0.5)) == (
        "import",
        "failed",
        "not through after 0.5 s (--timeout); what follows was not checked",
    )


def test_what_is_printed_disturbs_nobody(probed) -> None:
    found = probed("print('{\"end\": true}')\n" + GOOD)
    assert len(found) == 8


MARKED = "from pacs_framework import hookimpl\n"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "implements no hook"),
        ("def on_store(instance): pass", "on_store not marked with @hookimpl"),
        (MARKED + "@hookimpl\ndef on_stor(instance): pass", "nearest: 'on_store', 'on_stored'"),
        (MARKED + "@hookimpl\ndef on_store(picture): pass", "wrong signature: the plugin has"),
        (MARKED + "@hookimpl\nasync def on_store(instance): pass", "is no ordinary function"),
        (MARKED + "class Sound:\n  def __init__(self): raise KeyError('x')", "KeyError"),
    ],
)
def test_hooks_that_break_the_contract(rows, source: str, words: str) -> None:
    plugins = {"sound": "pacs_sound.plugin" + (":Sound" if "class Sound" in source else "")}
    check, result, detail = last(rows(source, plugins=plugins))
    assert (check, result) == ("hooks", "failed")
    assert words in detail


def test_a_hook_without_its_mark_is_a_warning(rows) -> None:
    source = MARKED + "@hookimpl\ndef on_association(): pass\ndef on_store(instance): pass"
    found = rows(source)
    assert (
        "hooks",
        "warning",
        "on_store: called like a hook and not marked with @hookimpl, so it is never called",
    ) in found


def model(fields: str) -> str:
    """A plugin with these settings."""
    head = (
        "from pathlib import Path\nfrom pydantic import BaseModel, Field\n"
        "from pacs_framework import hookimpl\n"
        "class Inner(BaseModel):\n    depth: int = 3\n"
    )
    return (
        f"{head}class Settings(BaseModel):\n    {fields}\n"
        "@hookimpl\ndef config_models(): return Settings\n"
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ("key: int", "Settings.key has no default"),
        ("key: int = 3", "Settings.key has no description"),
        (
            "inner: Inner = Field(default=Inner(), description='x')",
            "inner.depth has no description",
        ),
        ("key: int = Field(default='x', description='x', validate_default=True)", "defaults of"),
        (
            "key: str = Field(default='x', pattern='y', description='x')",
            "what `pacs config` prints of it is refused",
        ),
        (
            "key: object = Field(default=(1, 2), description='x')",
            "key: the default (1, 2) comes back from TOML as [1, 2]",
        ),
    ],
)
def test_settings_that_nobody_could_write_down(rows, fields: str, words: str) -> None:
    found = rows(model(fields))
    [(result, detail)] = [each[1:] for each in found if each[0] == "configuration"]
    assert result == "failed"
    assert words in detail


def test_what_failed_is_not_called_any_more(rows) -> None:
    source = model("key: int") + "@hookimpl\ndef on_store(settings): return settings.key\n"
    assert last(rows(source))[:2] == ("configuration", "failed")
    source = hook("storage_backends", "settings", "1 / 0") + "@hookimpl\ndef on_store(): pass\n"
    assert last(rows(source))[:2] == ("storage_backends", "failed")


def hook(name: str, parameter: str, body: str) -> str:
    return f"{MARKED}import os, time\n@hookimpl\ndef {name}({parameter}): {body}\n"


@pytest.mark.parametrize(
    ("name", "parameter", "body", "words"),
    [
        ("storage_backends", "settings", "return 3", "storage_backends returned a 'int'"),
        ("storage_backends", "settings", "1 / 0", "storage_backends: ZeroDivisionError"),
        ("anonymizers", "settings", "return {'mine': print}", "anonymizers returned 'mine': "),
        ("anonymizers", "settings", "return [print]", "not a mapping of name to Anonymizer"),
        ("on_store", "instance", "instance.dataset().PatientID.upper()", "raises on one with UIDs"),
        ("on_store", "instance", "return 3", "answers an ordinary one with a 'int', not Refusal"),
        ("on_retrieve", "instance", "return 3", "answers an ordinary one with a 'int', not Ref"),
        ("on_retrieve", "instance", "1 / 0", "raises on an ordinary one: ZeroDivisionError"),
        ("on_association", "request", "return True", "answers an ordinary one with a 'bool'"),
        ("on_stored", "change", "1 / 0", "raises the first time: ZeroDivisionError"),
        ("on_stored", "change", "os.mkdir('once')", "raises a second time, which may happen"),
    ],
)
def test_a_hook_that_fails(rows, name: str, parameter: str, body: str, words: str) -> None:
    check, result, detail = last(rows(hook(name, parameter, body)))
    assert (check, result) == (name, "failed")
    assert words in detail


def test_codecs_are_told_by_transfer_syntax(rows) -> None:
    """Several may be for one; whoever has one needs the suite."""
    source = f"{MARKED}from pacs_framework.codecs.codec import Codec\n"
    source += "class Mine(Codec):\n    name, transfer_syntax = 'mine', '1.2.840.10008.1.2.5'\n"
    source += "    def decode(self, frame, pixels): return frame\n"
    source += "@hookimpl\ndef codecs(): return [Mine(), Mine()]\n"
    [(result, detail)] = [row[1:] for row in rows(source) if row[0] == "codecs"]
    assert result == "ok"
    assert detail.startswith("provides 1.2.840.10008.1.2.5; ")


def test_anonymizers_are_told_by_name(rows) -> None:
    """As rules and commands ask for them."""
    source = f"{MARKED}from pacs_framework.anonymizers.anonymizer import Anonymizer\n"
    source += "class Mine(Anonymizer):\n    def anonymize(self, dataset): return dataset\n"
    source += "@hookimpl\ndef anonymizers(): return {'mine': Mine(), 'other': Mine()}\n"
    [(result, detail)] = [row[1:] for row in rows(source) if row[0] == "anonymizers"]
    assert result == "ok"
    assert detail.startswith("provides mine, other; ")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("time.sleep(600)", "not through after 0.5 s"),
        ("os._exit(4)", "its process ended with exit code 4"),
    ],
)
def test_a_hook_that_kills_or_hangs(probed, body: str, words: str) -> None:
    check, result, detail = last(probed(hook("on_store", "instance", body), timeout=0.5))
    assert (check, result) == ("on_store", "failed")
    assert detail.startswith(words)


def test_a_hook_that_takes_longer_than_its_budget(rows, tmp_path) -> None:
    config = tmp_path / "pacs.toml"
    config.write_text("[plugins.limits.sound]\ndecide_seconds = 0.01\n", "utf-8")
    source = hook("on_store", "instance", "time.sleep(0.05)")
    check, result, detail = last(rows(source, config=config))
    assert (check, result) == ("on_store", "failed")
    assert detail.endswith(" of 0.01 s")


IDLE = """
from pydantic import BaseModel, Field
from pacs_framework import hookimpl

class Settings(BaseModel):
    wanted: bool = Field(default=False, description="Whether to fail.")

@hookimpl
def config_models(): return Settings

@hookimpl
def idle_hooks(settings): return () if settings.wanted else ("on_store",)

@hookimpl
def on_store(instance, settings): raise ValueError("as wanted")
"""


def test_idle_hooks_are_called_with_the_settings_of_a_file(rows, tmp_path) -> None:
    assert rows(IDLE)[-1] == (
        "on_store",
        "ok",
        "idle with these settings; --config FILE gives it others",
    )
    config = tmp_path / "pacs.toml"
    config.write_text("[plugin.sound]\nwanted = true\n", "utf-8")
    check, result, detail = last(rows(IDLE, config=config))
    assert (check, result) == ("on_store", "failed")
    assert "ValueError: as wanted" in detail


def test_an_idle_hook_of_a_section_that_is_wrong(rows, tmp_path) -> None:
    config = tmp_path / "pacs.toml"
    config.write_text("[plugin.sound]\nwanted = 'perhaps'\n", "utf-8")
    found = rows(IDLE, config=config)
    [(result, detail)] = [each[1:] for each in found if each[0] == "configuration"]
    assert result == "failed"
    assert "[plugin.sound] wanted" in detail


def test_a_plugin_that_imports_its_own_suites(rows) -> None:
    """An archive has no pytest."""
    source = "import pacs_sound.contract\n" + GOOD
    found = rows(
        source, files={"pacs_sound/contract.py": ""}, suites={"sound": "pacs_sound.contract"}
    )
    assert (
        "import",
        "failed",
        "the plugin imports pacs_sound.contract, which needs pytest; an archive has none",
    ) in found


def test_facts_are_for_programs(site) -> None:
    findings = probe(site.install(source=GOOD), config=None, timeout=30)
    facts = {finding.check: finding.as_json()["facts"] for finding in findings}
    assert facts["storage_backends"]["provides"] == ["tape"]
    assert facts["import"]["modules"]["pacs_sound"] == 2
    assert 0 <= facts["on_store"]["seconds"] < facts["on_store"]["budget"] == 10


@pytest.mark.parametrize(
    ("source", "warned"),
    [
        (
            GOOD.replace("def conformance", "def idle_hooks"),
            "storage_backends, on_association, on_",
        ),
        ("from pacs_framework import hookimpl\n@hookimpl\ndef on_store():\n    pass", "on_store: "),
        ("from pacs_framework import hookimpl\n@hookimpl\ndef on_stored():\n    pass", ""),
        (GOOD, ""),
    ],
)
def test_who_changes_what_is_stated_is_to_document_it(site, told, source: str, warned: str) -> None:
    """As a warning: an archive runs without, and its statement lacks something."""
    found = told(probe(site.install(source=source), config=None, timeout=30))
    rows = [(result, detail) for check, result, detail in found if check == "conformance"]
    warnings = [detail for result, detail in rows if result == "warning"]
    assert len(warnings) == bool(warned)
    assert all(detail.startswith(warned) for detail in warnings)
