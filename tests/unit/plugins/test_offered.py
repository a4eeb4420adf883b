"""Hooks that a plugin offers to others: known before all, called like the kernel's own."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from pacs_framework import hookimpl
from pacs_framework.config import PluginLimits, PluginsSettings
from pacs_framework.errors import PluginError
from pacs_framework.hookspecs import HookKind, hookspec
from pacs_framework.plugins import PluginSet


@hookspec(HookKind.REGISTER)
def menus(day):
    """What is on."""


@hookspec(HookKind.DECIDE)
def on_order(dish, settings):
    """Judge an order."""


@hookspec(HookKind.NOTIFY)
def on_served(dish):
    """Learn that a dish was served."""


KITCHEN = SimpleNamespace(menus=menus, on_order=on_order, on_served=on_served)


def plugin(**hooks) -> SimpleNamespace:
    """A plugin in this process: hook name → function."""
    return SimpleNamespace(**{name: hookimpl(function) for name, function in hooks.items()})


def offering(specifications: object = KITCHEN) -> SimpleNamespace:
    return plugin(add_hookspecs=lambda: specifications)


def site(limits: PluginsSettings | None = None, **plugins) -> PluginSet:
    """The offering plugin last, so that it is known before it is come to."""
    return PluginSet.with_local({**plugins, "kitchen": offering()}, limits=limits)


def limited(name: str, *, optional: bool = False, **limits) -> PluginsSettings:
    return PluginsSettings(
        optional=(name,) if optional else (), limits={name: PluginLimits(**limits)}
    )


def nothing(dish):
    return None


def broken(dish):
    raise ValueError("patient data")


def test_the_order_of_plugins_does_not_matter():
    cook = plugin(menus=lambda day: f"soup on {day}")
    for plugins in ({"a": cook, "b": offering()}, {"a": offering(), "b": cook}):
        hooks = PluginSet.with_local(plugins).offered
        assert [answer for _, answer in hooks.register("menus", day="Monday")] == ["soup on Monday"]


def test_decisions_come_in_order_each_with_its_plugin():
    hooks = site(one=plugin(on_order=lambda dish: dish * 2), two=plugin(on_order=nothing)).offered
    assert hooks.decide("on_order", dish="egg") == [("one", "eggegg"), ("two", None)]


def test_one_that_fails_to_decide_fails_all():
    """The message tells who; what it raised is not in it."""
    plugins = site(bad=plugin(on_order=broken), good=plugin(on_order=nothing))
    hooks = plugins.offered
    with (
        capture_logs() as logs,
        pytest.raises(PluginError, match=r"^plugin 'bad' failed in hook 'on_order'$"),
    ):
        hooks.decide("on_order", dish="egg")
    assert [each.calls for each in plugins.figures() if each.plugin == "good"] == [0]
    assert [(each["plugin"], each["hook"], each["error"]) for each in logs if "hook" in each] == [
        ("bad", "on_order", "ValueError")
    ]


def test_an_answer_that_is_not_accepted_is_the_failure_of_its_plugin():
    plugins = site(bad=plugin(on_order=nothing))

    def accept(answer):
        raise PluginError(f"returned {answer!r}")

    with pytest.raises(PluginError, match="plugin 'bad' failed"):
        plugins.offered.decide("on_order", accept=accept, dish="egg")
    assert [each.errors for each in plugins.figures() if each.hook == "on_order"] == [1]


def test_a_decision_that_takes_too_long_is_given_up():
    release = threading.Event()
    slow = plugin(on_order=lambda dish: release.wait(60))
    plugins = site(limited("slow", decide_seconds=0.05), slow=slow)
    with pytest.raises(PluginError, match="plugin 'slow' failed in hook 'on_order'"):
        plugins.offered.decide("on_order", dish="egg")
    release.set()
    assert [each.overruns for each in plugins.figures() if each.plugin == "slow"] == [1]


@pytest.mark.parametrize("optional", [True, False])
def test_an_open_circuit_refuses_unless_the_plugin_is_optional(optional):
    calls = []

    def bad(dish):
        calls.append(dish)
        raise ValueError

    limits = limited("bad", optional=optional, failures=1, retry_after=3600)
    hooks = site(limits, bad=plugin(on_order=bad), good=plugin(on_order=nothing)).offered
    with pytest.raises(PluginError):
        hooks.decide("on_order", dish="egg")
    if optional:
        assert hooks.decide("on_order", dish="egg") == [("good", None)]
    else:
        with pytest.raises(PluginError, match="is out of service in hook"):
            hooks.decide("on_order", dish="egg")
    assert len(calls) == 1


def test_who_fails_to_be_told_is_named_and_the_others_are_told():
    plugins = site(bad=plugin(on_served=broken), good=plugin(on_served=nothing))
    hooks = plugins.offered
    assert hooks.notify("on_served", dish="egg") == ("bad",)
    assert hooks.notify("on_served", dish="egg", only=("bad",)) == ("bad",)
    assert [each.calls for each in plugins.figures() if each.plugin == "good"] == [1]


def test_who_is_late_to_be_told_is_waited_for_and_counted():
    release = threading.Event()
    plugins = site(
        limited("slow", notify_seconds=0.05),
        slow=plugin(on_served=lambda dish: release.wait(60)),
    )
    timer = threading.Timer(0.3, release.set)
    timer.start()
    assert plugins.offered.notify("on_served", dish="egg") == ()
    timer.join()
    assert [each.overruns for each in plugins.figures() if each.plugin == "slow"] == [1]


def test_who_is_out_of_service_is_not_told_and_named():
    limits = limited("bad", failures=1, retry_after=3600)
    plugins = site(limits, bad=plugin(on_served=broken))
    assert plugins.offered.notify("on_served", dish="egg") == ("bad",)
    assert plugins.offered.notify("on_served", dish="egg") == ("bad",)
    assert [each.calls for each in plugins.figures() if each.plugin == "bad"] == [1]


def test_settings_are_those_of_the_plugin_that_is_called():
    hooks = site(one=plugin(on_order=lambda dish, settings: settings)).offered
    assert hooks.decide("on_order", dish="egg") == [("one", None)]


@pytest.mark.parametrize(
    ("method", "hook", "message"),
    [
        ("decide", "on_store", "no plugin offers a hook 'on_store'"),
        ("decide", "nothing", "no plugin offers a hook 'nothing'"),
        ("notify", "on_order", "'on_order' is of kind DECIDE, not NOTIFY"),
        ("register", "on_order", "'on_order' is of kind DECIDE, not REGISTER"),
    ],
)
def test_only_hooks_that_are_offered_are_called_and_by_their_kind(method, hook, message):
    with pytest.raises(PluginError, match=message):
        getattr(site().offered, method)(hook, dish="egg")


def test_those_who_would_be_called_are_named_in_order():
    hooks = site(two=plugin(on_served=nothing), one=plugin(on_served=broken, on_order=nothing))
    assert hooks.offered.implementers("on_served") == ("two", "one")
    assert hooks.offered.implementers("menus") == ()
    with pytest.raises(PluginError, match="no plugin offers a hook 'on_store'"):
        hooks.offered.implementers("on_store")


def test_a_wrong_signature_is_told_like_that_of_a_hook_of_the_kernel():
    with pytest.raises(
        PluginError, match=r"on_order\(plate\), the hook is on_order\(dish, settings\)"
    ):
        site(one=plugin(on_order=lambda plate: None))


def test_a_hook_that_nobody_offers_fails_its_plugin_unless_it_is_optional():
    with pytest.raises(PluginError, match="'on_order' does not exist"):
        PluginSet.with_local({"one": plugin(on_order=nothing)})
    careful = SimpleNamespace(on_order=hookimpl(optionalhook=True)(nothing))
    plugins = PluginSet.with_local({"one": careful})
    assert [row.reason for row in plugins.rows()] == ["no active plugin offers on_order"]
    with capture_logs() as logs:
        plugins.log_failures()
    assert [(each["plugin"], each["hook"]) for each in logs] == [("one", "on_order")]


def test_an_optional_implementation_is_called_where_the_hook_is_offered():
    careful = SimpleNamespace(on_order=hookimpl(optionalhook=True)(nothing))
    plugins = site(one=careful)
    assert plugins.offered.decide("on_order", dish="egg") == [("one", None)]
    assert [row.reason for row in plugins.rows()] == ["", ""]


def test_an_optional_hook_may_be_idle_whether_it_is_offered_or_not():
    """Settings cannot tell; and what is idle is not called, nor is a note kept for it."""
    careful = SimpleNamespace(
        on_order=hookimpl(optionalhook=True)(nothing),
        idle_hooks=hookimpl(lambda: ("on_order",)),
    )
    (row,) = PluginSet.with_local({"one": careful}).rows()
    assert (row.state, row.reason) == ("active", "no active plugin offers on_order")
    offered = site(one=careful).offered
    assert offered.implementers("on_order") == ()
    assert offered.decide("on_order", dish="egg") == []


def undocumented() -> SimpleNamespace:
    return SimpleNamespace(bare=hookspec(HookKind.DECIDE)(lambda dish: None))


def defaulted() -> SimpleNamespace:
    def bare(dish=1):
        """Has a default."""

    return SimpleNamespace(bare=hookspec(HookKind.DECIDE)(bare))


@pytest.mark.parametrize(
    ("specifications", "message"),
    [
        (SimpleNamespace(on_store=hookspec(HookKind.DECIDE)(on_order)), "by the kernel already"),
        (SimpleNamespace(), "returned nothing with a function marked by hookspec"),
        (undocumented(), "hook 'bare' has no docstring"),
        (defaulted(), "'dish' is no plain parameter without a default"),
    ],
)
def test_a_specification_that_cannot_hold_is_refused(specifications, message):
    with pytest.raises(PluginError, match=message):
        PluginSet.with_local({"kitchen": offering(specifications)})


def test_two_plugins_that_offer_one_hook_are_both_named():
    with pytest.raises(PluginError, match="'menus' is offered by plugin 'a' already"):
        PluginSet.with_local({"a": offering(), "b": offering()})


def test_an_archive_has_the_hooks_of_its_plugins(pacs_archive):
    archive = pacs_archive({"kitchen": offering(), "one": plugin(on_order=nothing)}).archive
    assert archive.hooks.decide("on_order", dish="egg") == [("one", None)]
