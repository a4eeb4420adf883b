"""Load plugins one by one: whatever one of them does, it becomes a row and the others go on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from pacs_framework.config.problems import as_error
from pacs_framework.errors import PluginError
from pacs_framework.plugins.blame import describe
from pacs_framework.plugins.record import Plugin, PluginState
from pacs_framework.plugins.telemetry import CallStats

if TYPE_CHECKING:
    from pacs_framework.config import PluginsSettings
    from pacs_framework.plugins.contract import Contract
    from pacs_framework.plugins.discovery import Candidate

__all__ = ["adopt", "check_names", "load", "ordered"]


def load(
    candidates: Sequence[Candidate],
    contract: Contract,
    settings: PluginsSettings,
    configured: Collection[str],
) -> list[Plugin]:
    """A record of every candidate, those that the lists let through imported and checked.

    ``configured`` names the plugins that have a section. Several candidates of one name have a
    problem each and stay several rows.
    """
    wanted = {*configured, *settings.allow, *settings.order, *settings.required}
    plugins = [
        _load_one(candidate, contract, settings, configured=candidate.name in wanted)
        for candidate in candidates
    ]
    return ordered(plugins, settings.order)


def ordered(plugins: Iterable[Plugin], order: Sequence[str]) -> list[Plugin]:
    """First the plugins that ``order`` names, as it names them, then the others by name."""
    rank = {name: position for position, name in enumerate(order)}
    return sorted(plugins, key=lambda plugin: (rank.get(plugin.name, len(rank)), plugin.name))


def _load_one(
    candidate: Candidate, contract: Contract, settings: PluginsSettings, *, configured: bool
) -> Plugin:
    plugin = Plugin(
        name=candidate.name,
        distribution=candidate.distribution,
        version=candidate.version,
        configured=configured,
    )
    if candidate.name in settings.deny:
        plugin.state, plugin.reason = PluginState.DENIED, "in [plugins] deny"
    elif settings.allow and candidate.name not in (*settings.allow, *settings.required):
        plugin.state, plugin.reason = PluginState.NOT_ALLOWED, "not in [plugins] allow"
    elif candidate.entry_point is None or candidate.problem:
        plugin.fail(candidate.problem)
    else:
        _import(plugin, candidate, contract)
    return plugin


def _import(plugin: Plugin, candidate: Candidate, contract: Contract) -> None:
    assert candidate.entry_point is not None
    package = candidate.entry_point.module.partition(".")[0]
    try:
        adopt(plugin, candidate.entry_point.load(), contract)
    except PluginError as error:
        plugin.fail(str(error))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a plugin may also call sys.exit() or worse
        plugin.fail(describe(error, package))


def adopt(plugin: Plugin, entry: object, contract: Contract) -> None:
    """Make ``entry`` (a module, an object, or a class to call) the body of ``plugin``.

    Raises `PluginError` when it breaks the contract, and whatever its constructor raises.
    """
    body = entry() if isinstance(entry, type) else entry
    plugin.implementations = contract.implementations(body)
    plugin.stats = {each.hook.name: CallStats() for each in plugin.implementations}


def check_names(
    settings: PluginsSettings, sections: Collection[str], installed: Collection[str]
) -> None:
    """Raise `ConfigurationError` for every name that no installed plugin has.

    ``sections`` are the names NAME of sections ``[plugin.NAME]``.
    """
    places = [
        *((f"[plugins] {option}", getattr(settings, option)) for option in _LISTS),
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


_LISTS = ("allow", "deny", "order", "required")


def _unknown(place: str, name: str, installed: Collection[str]) -> str:
    what = place if place == f"[plugin.{name}]" else f"{place} names {name!r}"
    near = get_close_matches(name, sorted(installed), n=1)
    if near:
        return f"{what}: no installed plugin of this name; did you mean {near[0]!r}?"
    known = ", ".join(sorted(installed)) or "none"
    return f"{what}: no installed plugin of this name (installed: {known})"
