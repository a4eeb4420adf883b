"""A plugin that implements a hook of another plugin, and an archive without that one."""

from __future__ import annotations

import pytest

from pacs_framework.config import PluginsSettings
from pacs_framework.errors import PluginError
from pacs_framework.plugins import load_plugins

KITCHEN = """
    from types import SimpleNamespace
    from pacs_framework.hookspecs import HookKind, hookimpl, hookspec

    @hookspec(HookKind.DECIDE)
    def on_order(dish):
        '''Have a say about an order.'''

    @hookimpl
    def add_hookspecs():
        return SimpleNamespace(on_order=on_order)
"""
WAITER = """
    from pacs_framework import hookimpl

    @hookimpl
    def on_order(dish): ...
"""
NEEDS = ["pacs-framework>=0.1,<0.2", "pacs-kitchen>=1"]


@pytest.fixture
def restaurant(site):
    site.install("pacs-kitchen", {"kitchen": KITCHEN})
    site.install("pacs-waiter", {"waiter": WAITER}, requires=NEEDS)
    return site


def test_it_is_active_with_the_one_that_it_needs(restaurant):
    assert restaurant.row("waiter").hooks == ("on_order",)


@pytest.mark.parametrize(
    ("lists", "why"),
    [
        ({"deny": ["kitchen"]}, "in [plugins] deny"),
        ({"allow": ["waiter"]}, "not in [plugins] allow"),
    ],
)
def test_the_one_that_is_left_out_is_named_with_why(restaurant, lists, why):
    row = restaurant.row("waiter", **lists)
    assert row.state == "failed"
    assert row.reason == (
        "implements 'on_order' of another plugin, and needs plugin 'kitchen' (pacs-kitchen), which "
        f"is left out: {why}; let that one in, or name 'waiter' in [plugins] deny, too"
    )


def test_a_start_that_asks_for_it_stops(restaurant):
    with pytest.raises(PluginError, match=r"waiter .* needs plugin 'kitchen'"):
        restaurant.load(configured=["waiter"], deny=["kitchen"]).check()


def test_one_that_has_failed_is_named_with_what_happened(site):
    site.install("pacs-kitchen", {"kitchen": "raise RuntimeError('on fire')"})
    site.install("pacs-waiter", {"waiter": WAITER}, requires=NEEDS)
    assert "'kitchen' (pacs-kitchen), which is left out: RuntimeError" in site.row("waiter").reason


def test_what_it_marks_as_optional_needs_nobody(site):
    site.install("pacs-kitchen", {"kitchen": KITCHEN})
    careful = WAITER.replace("@hookimpl", "@hookimpl(optionalhook=True)")
    site.install("pacs-waiter", {"waiter": careful}, requires=NEEDS)
    row = site.row("waiter", deny=["kitchen"])
    assert (row.state, row.reason) == ("active", "no active plugin offers on_order")


def test_without_a_declared_dependency_the_hook_is_named_alone(site):
    site.install("pacs-kitchen", {"kitchen": KITCHEN})
    site.install("pacs-waiter", {"waiter": WAITER})
    assert "hook 'on_order' does not exist" in site.row("waiter", deny=["kitchen"]).reason


def test_one_that_only_offers_is_never_called(site):
    """As `pacs plugin check` has it, which calls the plugin that it checks and no other."""
    busy = (
        KITCHEN
        + """
    @hookimpl
    def on_stored(change): ...
    """
    )
    site.install("pacs-kitchen", {"kitchen": busy})
    site.install("pacs-waiter", {"waiter": WAITER}, requires=NEEDS)
    path = [str(site.folder)]
    everything = load_plugins(PluginsSettings(), path=path)
    offered = load_plugins(PluginsSettings(), path=path, offering=["kitchen"])
    assert [*everything.notify_consumers("on_stored")] == ["kitchen"]
    assert [*offered.notify_consumers("on_stored")] == []
    assert [row.hooks for row in offered.rows() if row.name == "waiter"] == [("on_order",)]
