"""What is wrong with a distribution before anything of it is imported."""

from __future__ import annotations

import pytest

from pacs_framework.authoring.metadata import check_files, check_metadata
from pacs_framework.authoring.sources import find_sources


def test_a_sound_distribution_has_nothing_wrong(site, told) -> None:
    target = site.install()
    assert told(check_metadata(target)) == [
        ("entry point", "ok", "sound = pacs_sound.plugin"),
        ("name", "ok", "sound"),
        ("API range", "ok", "<0.2,>=0.1 holds 0.1.0"),
        ("licence", "ok", "MIT"),
    ]
    assert told(check_files(target, find_sources(target))) == [
        ("files", "ok", "2 modules in pacs_sound")
    ]


def row(told, findings, check: str) -> tuple[str, str]:
    [(_, result, detail)] = [each for each in told(findings) if each[0] == check]
    return result, detail


def test_no_entry_point(site, told) -> None:
    result, detail = row(told, check_metadata(site.install(plugins={})), "entry point")
    assert result == "failed"
    assert detail == (
        'there is none: add [project.entry-points."pacs.plugins"] with '
        'NAME = "your_package.plugin" to pyproject.toml, and install again'
    )


def test_two_plugins_in_one_distribution(site, told) -> None:
    plugins = {"one": "pacs_sound.plugin", "two": "pacs_sound.plugin"}
    result, detail = row(told, check_metadata(site.install(plugins=plugins)), "entry point")
    assert result == "failed"
    assert detail.startswith("there are 2 (one, two): whoever wants one of them gets all")


@pytest.mark.parametrize(
    ("name", "words"),
    [("Sound", "package indexes know it as 'sound'"), ("pacs-sound", "use 'sound'")],
)
def test_a_name_that_breaks_the_rules(site, told, name: str, words: str) -> None:
    target = site.install(plugins={name: "pacs_sound.plugin"})
    result, detail = row(told, check_metadata(target), "name")
    assert result == "failed"
    assert words in detail


def test_a_name_that_another_claims(site, told) -> None:
    site.install("other", plugins={"sound": "pacs_other.plugin"})
    result, detail = row(told, check_metadata(site.install()), "name")
    assert result == "failed"
    assert detail == "'sound' is claimed by pacs-other and pacs-sound; uninstall one, or rename"


@pytest.mark.parametrize(
    ("requires", "expected"),
    [
        ((), "no version of pacs-framework is required: write pacs-framework>=0.1,<0.2"),
        (("pacs-framework",), "no version of pacs-framework is required: write "),
        (("pacs-framework>=7,<8",), "<8,>=7 does not hold this kernel, 0.1.0"),
        (("pacs-framework>=0.1",), ">=0.1 has no upper bound, so the next kernel would load"),
        (("pacs-framework!=0.3",), "!=0.3 has no upper bound"),
        (('pacs-framework>=0.1,<0.2; extra == "x"',), "no version of pacs-framework is required"),
    ],
)
def test_an_api_range_that_does_not_hold(site, told, requires, expected: str) -> None:
    result, detail = row(told, check_metadata(site.install(requires=requires)), "API range")
    assert result == "failed"
    assert detail.startswith(expected)


@pytest.mark.parametrize("requires", ["pacs-framework~=0.1.0", "pacs_framework==0.1.*"])
def test_an_upper_bound_has_many_spellings(site, told, requires: str) -> None:
    findings = check_metadata(site.install(requires=(requires,)))
    assert row(told, findings, "API range")[0] == "ok"


def test_no_licence_is_a_warning(site, told) -> None:
    result, detail = row(told, check_metadata(site.install(metadata="")), "licence")
    assert result == "warning"
    assert '"LicenseRef-Proprietary" for a closed one' in detail


def test_a_licence_may_be_a_classifier(site, told) -> None:
    target = site.install(metadata="Classifier: License :: Other/Proprietary License")
    assert row(told, check_metadata(target), "licence") == ("ok", "by classifier")


def test_what_lies_beside_the_package_is_a_warning(site, told) -> None:
    target = site.install(files={"tests/__init__.py": "", "helper.py": ""})
    assert told(check_files(target, find_sources(target))) == [
        (
            "files",
            "warning",
            "installs helper, tests beside its own package; keep the wheel to pacs_sound",
        )
    ]


def test_a_package_without_types_is_a_warning(site, told) -> None:
    target = site.install(typed=False)
    [(_, result, detail)] = told(check_files(target, find_sources(target)))
    assert (result, detail) == (
        "warning",
        "pacs_sound has no py.typed: types are lost to its users",
    )


def test_an_entry_point_to_nowhere(site, told) -> None:
    target = site.install(plugins={"sound": "pacs_gone.plugin"})
    rows = told(check_files(target, find_sources(target)))
    assert (
        "files",
        "failed",
        "an entry point names the package 'pacs_gone', which is not installed",
    ) in rows
