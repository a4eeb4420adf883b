"""A configuration that cannot be used leaves no thread of its plugins behind."""

from __future__ import annotations

import threading

import pytest

from pacs_framework.app import configure
from pacs_framework.errors import PacsError

SECTIONED = """
    from pydantic import BaseModel, Field
    from pacs_framework import hookimpl

    class Settings(BaseModel):
        size: int = Field(default=3, description="How large.")

    @hookimpl
    def config_models():
        return Settings
"""
EXPLODES = "raise RuntimeError('imported')"


def helpers() -> set[threading.Thread]:
    return {each for each in threading.enumerate() if each.name == "plugin-helper"}


@pytest.mark.parametrize(
    ("source", "section", "asked", "message"),
    [
        (SECTIONED, {"size": "three"}, {}, "size"),
        (EXPLODES, {}, {}, "imported"),
        (SECTIONED, {}, {"limits": {"acme": {"process": True}}}, "implements no NOTIFY hook"),
    ],
    ids=["a section that is wrong", "a plugin that failed", "a demand that cannot be met"],
)
def test_a_configuration_that_cannot_be_used_leaves_no_thread_behind(
    site, source, section, asked, message
):
    """Helper threads end after a minute without work; whoever gave up waits for none of them."""
    site.install("pacs-acme", {"acme": source})
    before = helpers()
    tree = {"plugins": {"allow": ["acme"], **asked}, "plugin": {"acme": section}}
    with pytest.raises(PacsError, match=message):
        configure(None, tree)
    for each in helpers() - before:
        each.join(10)
        assert not each.is_alive()


def test_one_that_can_be_used_keeps_its_helpers_until_it_is_closed(site):
    """Else the test above would hold for a set of plugins without threads, too."""
    site.install("pacs-acme", {"acme": SECTIONED})
    before = helpers()
    made = configure(None, {"plugins": {"allow": ["acme"]}, "plugin": {"acme": {"size": 4}}})
    threads = helpers() - before
    assert threads
    made.plugins.close()
    for each in threads:
        each.join(10)
        assert not each.is_alive()
