"""What is found, and what is kept out before anything is imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from pacs_framework.plugins.discovery import discover

HOOK = """
    from pacs_framework import hookimpl

    @hookimpl
    def on_store(instance):
        return None
"""
EXPLODES = "raise RuntimeError('imported')"


def test_a_plugin_is_known_by_its_entry_point(site):
    """Name, distribution and version come from the metadata."""
    site.install("pacs-acme", {"acme": HOOK}, version="2.3")
    row = site.row("acme")
    assert (row.name, row.distribution, row.version, row.state, row.reason) == (
        "acme",
        "pacs-acme",
        "2.3",
        "active",
        "",
    )
    assert row.hooks == ("on_store",)
    assert row.configured is False


def test_a_plugin_without_api_range_is_told_what_to_add(site):
    """No requirement on the kernel: FAILED, and nothing of it is imported."""
    site.install("pacs-acme", {"acme": EXPLODES}, requires=["pydicom>=3"])
    assert site.row("acme").reason == (
        "declares no API range: add a requirement such as 'pacs-framework>=0.1,<0.2' to the "
        "dependencies of 'pacs-acme'"
    )


def test_a_requirement_without_versions_is_no_range(site):
    """``pacs-framework`` alone promises nothing."""
    site.install("pacs-acme", {"acme": EXPLODES}, requires=["pacs-framework"])
    assert site.row("acme").reason.startswith("declares no API range")


def test_a_requirement_of_an_extra_is_no_range(site):
    """What holds for an extra only says nothing about the plugin."""
    line = 'pacs-framework>=0.1; extra == "test"'
    site.install("pacs-acme", {"acme": EXPLODES}, requires=[line])
    assert site.row("acme").reason.startswith("declares no API range")


def test_a_plugin_out_of_range_names_both_versions(site):
    """What it needs and what is here."""
    site.install("pacs-acme", {"acme": EXPLODES}, requires=["pacs-framework>=7,<8"])
    (candidate,) = discover(path=[str(site.folder)], kernel_version="0.1.5")
    assert candidate.problem == "needs pacs-framework <8,>=7, but this is 0.1.5"


@pytest.mark.parametrize(("kernel", "fits"), [("0.1.9", True), ("0.2.0", False), ("0.1.1a1", True)])
def test_the_version_of_the_kernel_is_its_api_version(site, kernel, fits):
    """Also a prerelease of the kernel is of its range."""
    site.install("pacs-acme", {"acme": HOOK})
    (candidate,) = discover(path=[str(site.folder)], kernel_version=kernel)
    assert (candidate.problem == "") is fits


def test_two_distributions_of_one_plugin_name_fail_both(site):
    """Neither wins silently; both rows name both."""
    site.install("pacs-acme", {"acme": EXPLODES}, version="1.0")
    site.install("pacs-other", {"acme": EXPLODES}, version="2.0")
    rows = site.load().rows()
    reason = "the name 'acme' is claimed by pacs-acme 1.0 and pacs-other 2.0; uninstall all but one"
    assert [(row.distribution, row.state, row.reason) for row in rows] == [
        ("pacs-acme", "failed", reason),
        ("pacs-other", "failed", reason),
    ]


def test_a_distribution_seen_twice_is_one(site, tmp_path):
    """An editable install and what a build left behind: the first on the path counts."""
    site.install("pacs-acme", {"acme": HOOK}, version="1.1")
    site.more.append(tmp_path / "more")
    site.install("pacs-acme", {"acme": HOOK}, version="1.0", folder=tmp_path / "more")
    (row,) = site.load().rows()
    assert (row.version, row.state) == ("1.1", "active")


def test_the_installed_plugins_of_the_workspace_are_seen_once():
    """The editable installs of this repository, with their own names."""
    names = [candidate.name for candidate in discover()]
    assert len(names) == len(set(names))
    assert {"verification", "store", "query-retrieve", "storage-filesystem"} <= set(names)
    assert all(candidate.problem == "" for candidate in discover())


def test_a_name_that_cannot_be_a_section_is_refused(site):
    """Sections and variables are made of the name."""
    site.install("pacs-acme", {"Ac.me": EXPLODES})
    assert site.row("Ac.me").reason == (
        "the name 'Ac.me' of its entry point is not made of lower-case letters, digits and single "
        "hyphens"
    )


def test_a_distribution_without_metadata_is_a_failed_row(site):
    """A half-removed distribution is shown, not raised and not dropped."""
    site.install("pacs-acme", {"acme": EXPLODES}, metadata=False)
    (row,) = site.load().rows()
    assert (row.name, row.state) == ("pacs_acme", "failed")
    assert row.reason.startswith("its metadata cannot be read: MetadataNotFound")


def test_broken_entry_points_are_a_failed_row(site):
    """A file of entry points that nobody can parse belongs to a plugin that failed."""
    site.install("pacs-acme", {"acme": EXPLODES})
    info = site.folder / "pacs_acme-1.0.dist-info"
    (info / "entry_points.txt").write_text("[pacs.plugins]\nnonsense\n")
    (row,) = site.load().rows()
    assert (row.name, row.state) == ("pacs-acme", "failed")
    assert row.reason.startswith("its metadata cannot be read: ")


def test_an_invalid_requirement_is_named(site):
    """The line that cannot be read is in the reason."""
    site.install("pacs-acme", {"acme": EXPLODES}, requires=["pacs-framework >= >="])
    assert "requirement 'pacs-framework >= >=' is not valid" in site.row("pacs-acme").reason


def test_distributions_without_plugins_are_nobody(site):
    """Other entry points, or none, make no row."""
    info = Path(site.folder / "other-1.0.dist-info")
    info.mkdir()
    (info / "entry_points.txt").write_text("[console_scripts]\npacs.plugins = other:main\n")
    assert site.load().rows() == ()
