"""Documents that cannot go stale."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from pacs_framework import hookspecs

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted(
    page
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("plugins/*/README.md")]
)


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "tools" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["hooks.md", "configuration.md", "commands.md", "plugins.md"])
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


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_printed_toml_is_toml(page: Path) -> None:
    for block in re.findall(r"```toml\n(.*?)```", page.read_text("utf-8"), flags=re.DOTALL):
        tomllib.loads(block)


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
