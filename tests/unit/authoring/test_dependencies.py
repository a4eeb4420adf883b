"""What is imported and not declared, what is private, what belongs to a sibling."""

from __future__ import annotations

import json

import pytest

from pacs_framework.authoring.dependencies import check_imports
from pacs_framework.authoring.sources import find_sources


@pytest.fixture
def check(site, told):
    """Rows for a plugin with this source; what is fine is left out."""

    def rows(source: str, **more):
        target = site.install(source=source, **more)
        found = told(check_imports(target, find_sources(target)))
        return [row for row in found if row[1] != "ok"]

    return rows


KERNEL = "pacs-framework>=0.1,<0.2"


def test_the_standard_library_the_kernel_and_itself_need_no_declaration(check) -> None:
    source = """
    from __future__ import annotations
    import os.path
    from pacs_framework import hookimpl
    from pacs_sound import other
    from . import other
    """
    assert check(source, files={"pacs_sound/other.py": ""}) == []


@pytest.mark.parametrize(
    "source", ["import yaml_of_nobody", "def late():\n    from yaml_of_nobody.inner import x"]
)
def test_an_import_that_nobody_declares(check, source: str) -> None:
    [(name, result, detail)] = check(source)
    assert (name, result) == ("dependencies", "failed")
    assert "imports 'yaml_of_nobody' of no installed distribution" in detail
    assert detail.startswith("pacs_sound/plugin.py:")


def test_what_the_kernel_happens_to_bring_is_to_be_declared_too(check) -> None:
    assert check("import click") == [
        (
            "dependencies",
            "failed",
            (
                "pacs_sound/plugin.py:1 imports 'click' of 'click', which is not declared: "
                "add it to `dependencies`, also where the kernel happens to bring it"
            ),
        )
    ]
    assert check("import click", requires=(KERNEL, "click>=8")) == []


def test_a_module_may_be_called_otherwise_than_its_distribution(check) -> None:
    """`sqlalchemy` comes from SQLAlchemy, `yaml` from PyYAML."""
    assert check("import sqlalchemy", requires=(KERNEL, "SQLAlchemy")) == []
    assert check("import importlib_metadata", requires=(KERNEL, "importlib.metadata")) == []


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("try:\n    import click\nexcept ImportError:\n    click = None", "for a `try` alone"),
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import click",
            "for type checking alone",
        ),
    ],
)
def test_what_is_needed_sometimes_is_a_warning(check, source: str, words: str) -> None:
    [(_, result, detail)] = check(source)
    assert result == "warning"
    assert words in detail


def test_an_error_that_is_not_about_imports_guards_none(check) -> None:
    [(_, result, _)] = check("try:\n    import click\nexcept ValueError:\n    pass")
    assert result == "failed"


def test_what_an_extra_brings_needs_a_try(check) -> None:
    requires = (KERNEL, 'click; extra == "cli"')
    [(_, result, detail)] = check("import click", requires=requires)
    assert result == "warning"
    assert detail.endswith("imports 'click' without `try`, but only an extra brings 'click'")
    guarded = "try:\n    import click\nexcept ImportError:\n    pass"
    assert check(guarded, requires=requires) == []


def test_what_is_declared_and_never_imported_is_a_warning(check) -> None:
    assert check("import click", requires=(KERNEL, "click", "pydicom", "gone-with-the-wind")) == [
        (
            "dependencies",
            "warning",
            "declared and never imported: gone-with-the-wind, pydicom; remove what is not needed",
        )
    ]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("from pacs_framework.hookspecs import _hook", "pacs_framework.hookspecs._hook"),
        ("import pacs_framework._inner.x", "pacs_framework._inner.x"),
        ("from pacs_framework._inner import x", "pacs_framework._inner.x"),
        (
            "from pacs_framework import hookspecs\nhookspecs._hook()",
            "pacs_framework.hookspecs._hook",
        ),
        ("import pacs_framework.app\npacs_framework.app._x", "pacs_framework.app._x"),
        ("import pacs_framework.app as a\na._x", "pacs_framework.app._x"),
    ],
)
def test_private_names_of_the_kernel(check, source: str, name: str) -> None:
    [(what, result, detail)] = check(source)
    assert (what, result) == ("kernel names", "failed")
    assert f"{name} (pacs_sound/plugin.py:" in detail


def test_dunder_names_and_private_ones_of_its_own_are_free(check) -> None:
    source = """
    from pacs_framework import __version__
    from pacs_sound.other import _mine
    print(__version__.__len__(), _mine)
    """
    assert check(source, files={"pacs_sound/other.py": "_mine = 1"}) == []


def test_a_sibling_is_not_imported_even_when_declared(site, check) -> None:
    site.install("brother")
    [(what, result, detail)] = check(
        "from pacs_brother.plugin import on_store", requires=(KERNEL, "pacs-brother")
    )
    assert (what, result) == ("siblings", "failed")
    assert detail.startswith("imports another plugin: pacs_brother.plugin (pacs_sound/plugin.py:1)")


def test_the_api_of_a_sibling_is_built_on_when_declared(site, check) -> None:
    site.install("brother", files={"pacs_brother/api.py": "x = 1"})
    source = "from pacs_brother.api import x"
    assert check(source, requires=(KERNEL, "pacs-brother")) == []
    [(what, result, _)] = check(source, requires=(KERNEL,))
    assert (what, result) == ("siblings", "failed")


def test_suites_may_use_what_the_kit_brings_and_no_more(check) -> None:
    suite = "import pytest, hypothesis, yaml_of_nobody\n"
    [(_, result, detail)] = check(
        "", files={"pacs_sound/contract.py": suite}, suites={"sound": "pacs_sound.contract"}
    )
    assert result == "failed"
    assert detail == (
        "pacs_sound/contract.py:1 imports 'yaml_of_nobody', which neither the plugin nor "
        "pacs-framework[testing] declares"
    )


def test_a_file_that_is_no_python(check) -> None:
    [(_, result, detail)] = check("def broken(:")
    assert result == "failed"
    assert "plugin.py:1: " in detail


def editable(target, folder, dependencies: str) -> None:
    """Let ``target`` be an editable installation of a project that declares these."""
    folder.mkdir()
    (folder / "pyproject.toml").write_text(f"[project]\ndependencies = {dependencies}\n", "utf-8")
    [info] = (folder.parent / "site").glob("*.dist-info")
    origin = {"url": folder.as_uri(), "dir_info": {"editable": True}}
    (info / "direct_url.json").write_text(json.dumps(origin), "utf-8")


@pytest.mark.parametrize("dependencies", ['["click>=8"]', "[]", "what?"])
def test_what_was_declared_since_the_installation_is_told_apart(
    site, told, tmp_path, dependencies: str
) -> None:
    """Nobody declares it a second time and wonders."""
    target = site.install(source="import click")
    editable(target, tmp_path / "a project", dependencies)
    [(_, result, detail)] = [
        row for row in told(check_imports(target, find_sources(target))) if row[1] != "ok"
    ]
    assert result == "failed"
    older = (
        "declared in pyproject.toml, but the installed metadata is older: run `pip install -e .` "
        "again"
    )
    assert (older in detail) == ("click" in dependencies)
    assert ("which is not declared" in detail) == ("click" not in dependencies)
