"""Load plugins one by one: whatever one of them does, it becomes a row and the others go on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from pacs_framework.config.problems import as_error
from pacs_framework.errors import PluginError
from pacs_framework.hookspecs import HookKind
from pacs_framework.plugins.blame import describe
from pacs_framework.plugins.budget import Overrun
from pacs_framework.plugins.record import Plugin, PluginState
from pacs_framework.plugins.starting import Step, overran

if TYPE_CHECKING:
    from pacs_framework.config import PluginsSettings
    from pacs_framework.plugins.budget import Helpers
    from pacs_framework.plugins.contract import Contract, Implementation
    from pacs_framework.plugins.discovery import Candidate

__all__ = ["check_names", "check_processes", "implementations_of", "load", "ordered"]


def load(
    candidates: Sequence[Candidate],
    contract: Contract,
    settings: PluginsSettings,
    configured: Collection[str],
    helpers: Helpers,
) -> list[Plugin]:
    """A record of every candidate, those that the lists let through imported and checked.

    ``configured`` names the plugins that have a section. Several candidates of one name have a
    problem each and stay several rows. Each is imported by one of ``helpers``, so that one that
    hangs can be left behind.
    """
    wanted = {*configured, *settings.allow, *settings.order, *settings.required}
    wanted -= {*settings.optional}
    plugins = [
        _load_one(candidate, contract, settings, helpers, configured=candidate.name in wanted)
        for candidate in candidates
    ]
    return ordered(plugins, settings.order)


def ordered(plugins: Iterable[Plugin], order: Sequence[str]) -> list[Plugin]:
    """First the plugins that ``order`` names, as it names them, then the others by name."""
    rank = {name: position for position, name in enumerate(order)}
    return sorted(plugins, key=lambda plugin: (rank.get(plugin.name, len(rank)), plugin.name))


def _load_one(
    candidate: Candidate,
    contract: Contract,
    settings: PluginsSettings,
    helpers: Helpers,
    *,
    configured: bool,
) -> Plugin:
    plugin = Plugin(
        name=candidate.name,
        distribution=candidate.distribution,
        version=candidate.version,
        configured=configured,
        optional=candidate.name in settings.optional,
        limits=settings.limits_of(candidate.name),
    )
    if candidate.name in settings.deny:
        plugin.state, plugin.reason = PluginState.DENIED, "in [plugins] deny"
    elif settings.allow and candidate.name not in (*settings.allow, *settings.required):
        plugin.state, plugin.reason = PluginState.NOT_ALLOWED, "not in [plugins] allow"
    elif candidate.entry_point is None or candidate.problem:
        plugin.fail(candidate.problem)
    else:
        _import(plugin, candidate, contract, helpers)
    return plugin


def _import(plugin: Plugin, candidate: Candidate, contract: Contract, helpers: Helpers) -> None:
    entry_point = candidate.entry_point
    assert entry_point is not None
    package = entry_point.module.partition(".")[0]
    step = Step(plugin.limits.register_seconds)
    try:
        plugin.implement(
            step.take(helpers, lambda: implementations_of(entry_point.load(), contract))
        )
    except Overrun as error:
        plugin.fail(overran("its import", plugin, error))
    except PluginError as error:
        plugin.fail(str(error))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a plugin may also call sys.exit() or worse
        plugin.fail(describe(error, package))


def implementations_of(entry: object, contract: Contract) -> tuple[Implementation, ...]:
    """What ``entry`` (a module, an object, or a class to call) implements.

    Raises `PluginError` when it breaks the contract, and whatever its constructor raises.
    """
    return contract.implementations(entry() if isinstance(entry, type) else entry)


def check_processes(plugins: Iterable[Plugin]) -> None:
    """Raise `ConfigurationError` for a process of its own that a plugin has nothing to do in."""
    problems = [
        f"[plugins.limits.{plugin.name}] process: the plugin implements no NOTIFY hook, and others "
        f"are never called in a process of its own"
        for plugin in plugins
        if plugin.limits.process
        and plugin.state is PluginState.ACTIVE
        and not any(each.hook.kind is HookKind.NOTIFY for each in plugin.implementations)
    ]
    if problems:
        raise as_error(problems)


def check_names(
    settings: PluginsSettings, sections: Collection[str], installed: Collection[str]
) -> None:
    """Raise `ConfigurationError` for every name that no installed plugin has.

    ``sections`` are the names NAME of sections ``[plugin.NAME]``.
    """
    places = [
        *((f"[plugins] {option}", getattr(settings, option)) for option in _LISTS),
        *((f"[plugins.limits.{name}]", (name,)) for name in sorted(settings.limits)),
        *((f"[plugin.{name}]", (name,)) for name in sorted(sections)),
    ]
    problems = [
        _unknown(place, name, installed)
        for place, names in places
        for name in names
        if name not in installed
    ]
    if problems:
        raise as_error(problems)


_LISTS = ("allow", "deny", "order", "required", "optional")


def _unknown(place: str, name: str, installed: Collection[str]) -> str:
    what = place if place.endswith(f".{name}]") else f"{place} names {name!r}"
    near = get_close_matches(name, sorted(installed), n=1)
    if near:
        return f"{what}: no installed plugin of this name; did you mean {near[0]!r}?"
    known = ", ".join(sorted(installed)) or "none"
    return f"{what}: no installed plugin of this name (installed: {known})"
