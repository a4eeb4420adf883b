"""Documents that cannot go stale."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from types import ModuleType

import click
import pytest
from doc_pages import ROOT, anchors
from doc_tools import tool
from pydantic import BaseModel

from pacs_framework import hookspecs
from pacs_framework.anonymizers.anonymizer import Anonymizer
from pacs_framework.cli.main import main
from pacs_framework.codecs.codec import Codec
from pacs_framework.config import PluginsSettings, Settings
from pacs_framework.network.service import DimseService
from pacs_framework.plugins import load_plugins
from pacs_framework.storage import ObjectWriter, StorageBackend


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    return tool("reference")


@pytest.mark.parametrize(
    "name",
    ["hooks.md", "configuration.md", "commands.md", "plugins.md", "conformance.md", "api.md"],
)
def test_the_generated_reference_is_what_the_code_says(
    reference: ModuleType, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make docs` writes it anew."""
    monkeypatch.delenv("PACS_CONFIG", raising=False)
    assert (reference.REFERENCE / name).read_text("utf-8") == reference.PAGES[name]()


def hook_names() -> list[str]:
    return [n for n, f in vars(hookspecs).items() if hasattr(f, "pacs_hook_kind")]


@pytest.mark.parametrize("name", hook_names())
def test_every_hook_has_a_plugin_of_ours_and_a_test(name: str) -> None:
    """No hook without a real plugin of this repository that uses it, and none without a test."""
    used = [
        p for p in ROOT.glob("plugins/*/src/*/plugin.py") if f"def {name}(" in p.read_text("utf-8")
    ]
    assert used
    tests = [*ROOT.glob("tests/**/test_*.py"), *ROOT.glob("plugins/*/tests/test_*.py")]
    assert [t for t in tests if re.search(rf"\b{name}\b", t.read_text("utf-8"))]


@pytest.mark.parametrize("name", hook_names())
def test_every_hook_has_its_section(name: str) -> None:
    """The heading is the call, as the specification has it."""
    arguments = ", ".join(inspect.signature(getattr(hookspecs, name)).parameters)
    page = (ROOT / "docs/reference/hooks.md").read_text("utf-8")
    assert page.count(f"\n### {name}({arguments})\n") == 1


@pytest.mark.parametrize("name", hook_names())
def test_the_test_that_a_hook_names_is_one_of_it(name: str) -> None:
    """What a reader of the hook's section finds behind the link."""
    file = ROOT / tool("hook_reference").HOOK_TESTS[name]
    text = file.read_text("utf-8")
    assert re.search(rf"\b{name}\b", text)
    assert "def test_" in text


def contracts() -> list[type]:
    return [Anonymizer, Codec, DimseService, ObjectWriter, StorageBackend]


@pytest.mark.parametrize("contract", contracts(), ids=lambda cls: cls.__name__)
def test_the_api_tells_what_an_author_has_to_write(contract: type) -> None:
    """Every abstract method of a contract, marked so, with its parameters and what it is for."""
    page = (ROOT / "docs/reference/api.md").read_text("utf-8")
    section = page.partition(f"\n### {contract.__name__}\n")[2].partition("\n### ")[0]
    told = re.findall(r"^\| `(\w+)\(.*?` \| \*\*abstract\.\*\* \S", section, re.MULTILINE)
    assert sorted(told) == sorted(contract.__abstractmethods__)


def imported_by_templates() -> Iterator[tuple[str, str]]:
    """Module and name of what the generated plugins take from the kernel."""
    for file in sorted(ROOT.glob("templates/plugin/*/src/**/*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
                "pacs_framework."
            ):
                yield from ((str(node.module), alias.name) for alias in node.names)


def test_the_api_has_what_generated_plugins_import() -> None:
    page = (ROOT / "docs/reference/api.md").read_text("utf-8")
    found = sorted(set(imported_by_templates()))
    assert len(found) > 30
    assert [name for name in found if f"\n### {name[1]}\n" not in page] == []


def settings_of(model: type[BaseModel], above: str = "") -> Iterator[tuple[str, str, str]]:
    """Section, key and description of every setting below a model."""
    for key, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from settings_of(inner, f"{above}.{key}" if above else key)
        else:
            yield above, key, field.description or ""


def test_every_setting_of_the_kernel_is_described_and_in_the_reference() -> None:
    page = (ROOT / "docs/reference/configuration.md").read_text("utf-8")
    found = [s for s in settings_of(Settings) if s[0]]
    assert len(found) > 20
    for section, key, description in found:
        assert description, f"[{section}] {key}"
        below = page[page.index(f"[{section}]") :]
        assert re.search(rf"^# ?{key} = ", below, re.MULTILINE), f"[{section}] {key}"


def test_every_setting_of_our_plugins_is_described_and_in_the_reference() -> None:
    page = (ROOT / "docs/reference/configuration.md").read_text("utf-8")
    models = load_plugins(PluginsSettings()).config_models()
    ours = {p.parent.name.removeprefix("pacs-") for p in ROOT.glob("plugins/*/pyproject.toml")}
    with_settings = {name: model for name, model in models.items() if model and name in ours}
    assert len(with_settings) >= 5
    for name, model in with_settings.items():
        below = page[page.index(f"[plugin.{name}]") :]
        for _, key, description in settings_of(model):
            assert description, f"[plugin.{name}] {key}"
            assert re.search(rf"^# ?{key} = ", below, re.MULTILINE), f"[plugin.{name}] {key}"


def commands(group: click.Group, above: click.Context) -> Iterator[str]:
    for name in group.list_commands(above):
        command = group.get_command(above, name)
        assert command is not None
        with click.Context(command, info_name=name, parent=above) as context:
            yield context.command_path
            if isinstance(command, click.Group):
                yield from commands(command, context)


def test_every_command_is_in_the_reference() -> None:
    page = ROOT / "docs/reference/commands.md"
    with click.Context(main, info_name="pacs") as top:
        names = list(commands(main, top))
    assert "pacs serve" in names
    assert [name for name in names if name.replace(" ", "-") not in anchors(page)] == []


def test_every_setting_of_a_plugin_is_on_its_page() -> None:
    """The README of a plugin is its page."""
    for path in sorted(ROOT.glob("plugins/*/src/*/settings.py")):
        page = (path.parents[2] / "README.md").read_text("utf-8")
        for field in re.findall(
            r"^    (\w+): .*(?:Field|=)", path.read_text("utf-8"), re.MULTILINE
        ):
            assert f"{field}`" in page, f"{path}: {field}"


def test_the_readme_names_two_commands_that_make_knows() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in ("run", "test"):
        assert f"make {target} " in readme
        assert f"\n{target}: $(INSTALLED)" in makefile


def test_no_committed_file_names_a_package_index() -> None:
    for name in ("requirements.txt", "requirements-uv.txt", "pyproject.toml", "Makefile"):
        text = (ROOT / name).read_text("utf-8")
        assert "index-url" not in text
        assert "://" not in text.replace("https://docs.astral.sh", "")
    assert "--hash=sha256:" in (ROOT / "requirements.txt").read_text("utf-8")
