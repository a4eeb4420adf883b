"""Load plugins one by one: whatever one of them does, it becomes a row and the others go on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from packaging.utils import canonicalize_name

from pacs_framework.config.problems import as_error
from pacs_framework.errors import PluginError
from pacs_framework.hookspecs import HookKind
from pacs_framework.plugins.blame import describe
from pacs_framework.plugins.budget import Overrun
from pacs_framework.plugins.discovery import needed_distributions
from pacs_framework.plugins.record import Plugin, PluginState
from pacs_framework.plugins.starting import Step, overran

if TYPE_CHECKING:
    from pacs_framework.config import PluginsSettings
    from pacs_framework.plugins.budget import Helpers
    from pacs_framework.plugins.contract import Contract, Hook
    from pacs_framework.plugins.discovery import Candidate

__all__ = ["body_of", "check_names", "check_processes", "implement", "load", "offer", "ordered"]

_ACTIVE = PluginState.ACTIVE
_T = TypeVar("_T")


def load(
    candidates: Sequence[Candidate],
    contract: Contract,
    settings: PluginsSettings,
    configured: Collection[str],
    helpers: Helpers,
    offering: Collection[str] = (),
) -> list[Plugin]:
    """A record of every candidate, those that the lists let through imported and checked.

    ``configured`` names the plugins that have a section, ``offering`` those of which nothing is
    taken but the hooks that they offer. Several candidates of one name have a problem each and stay
    several rows. Each is imported by one of ``helpers``, so that one that
    hangs can be left behind. All are imported before any is held against the contract, because
    one may implement what another one offers.
    """
    wanted = {*configured, *settings.allow, *settings.order, *settings.required}
    wanted -= {*settings.optional}
    imported = [
        _import_one(candidate, settings, helpers, configured=candidate.name in wanted)
        for candidate in candidates
    ]
    bodies = {plugin: body for plugin, body in imported if plugin.state is _ACTIVE}
    plugins = ordered((plugin for plugin, _ in imported), settings.order)
    for plugin in (each for each in plugins if each in bodies):
        _try(plugin, "add_hookspecs", partial(offer, plugin, bodies[plugin], contract), helpers)
    needs = partial(_absent_needs, candidates=candidates, plugins=plugins)
    for plugin in (each for each in plugins if each in bodies and each.state is _ACTIVE):
        if plugin.name not in offering:
            work = partial(_implement_one, plugin, bodies[plugin], contract, needs)
            _try(plugin, "its hooks", work, helpers)
    return plugins


def ordered(plugins: Iterable[Plugin], order: Sequence[str]) -> list[Plugin]:
    """First the plugins that ``order`` names, as it names them, then the others by name."""
    rank = {name: position for position, name in enumerate(order)}
    return sorted(plugins, key=lambda plugin: (rank.get(plugin.name, len(rank)), plugin.name))


def _import_one(
    candidate: Candidate, settings: PluginsSettings, helpers: Helpers, *, configured: bool
) -> tuple[Plugin, object]:
    """The record of a candidate, and what is behind its entry point unless it is left out."""
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
        entry_point = candidate.entry_point
        plugin.package = entry_point.module.partition(".")[0]
        return plugin, _try(plugin, "its import", lambda: body_of(entry_point.load()), helpers)
    return plugin, None


def _try(plugin: Plugin, what: str, work: Callable[[], _T], helpers: Helpers) -> _T | None:
    """What ``work`` returns within the time of ``plugin``; None when that has failed by it."""
    try:
        return Step(plugin.limits.register_seconds).take(helpers, work)
    except Overrun as error:
        plugin.fail(overran(what, plugin, error))
    except PluginError as error:
        plugin.fail(str(error))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a plugin may also call sys.exit() or worse
        plugin.fail(describe(error, plugin.package))
    return None


def body_of(entry: object) -> object:
    """The object that has the hooks: ``entry`` itself, or what it makes when it is a class.

    Raises whatever its constructor raises.
    """
    return entry() if isinstance(entry, type) else entry


def offer(plugin: Plugin, body: object, contract: Contract) -> None:
    """Add the hooks that ``plugin`` offers to the contract. Raises `PluginError`."""
    offering = contract.implementation(body, "add_hookspecs")
    if offering is not None:
        contract.offer(plugin.name, offering.function())


def _implement_one(
    plugin: Plugin, body: object, contract: Contract, needs: Callable[[Plugin], str]
) -> None:
    """As `implement`, and where a hook is missing because a plugin is, that is named as well."""
    missing = contract.missing(body)
    absent = needs(plugin) if missing else ""
    if absent:
        raise PluginError(
            f"implements {missing[0]!r} of another plugin, and needs {absent}; "
            f"let that one in, or name {plugin.name!r} in [plugins] deny, too"
        )
    implement(plugin, body, contract)


def _absent_needs(plugin: Plugin, candidates: Sequence[Candidate], plugins: list[Plugin]) -> str:
    """The plugins that the distribution of ``plugin`` requires and that are not active."""
    point = next(each.entry_point for each in candidates if each.name == plugin.name)
    if point is None or point.dist is None:
        return ""
    needed = needed_distributions(point.dist.requires or [])
    return " and ".join(
        f"plugin {each.name!r} ({each.distribution}), which is left out: {each.reason}"
        for each in plugins
        if canonicalize_name(each.distribution) in needed and each.state is not _ACTIVE
    )


def implement(plugin: Plugin, body: object, contract: Contract) -> None:
    """Note what ``plugin`` implements. Raises `PluginError` when it breaks the contract."""
    plugin.implement(contract.implementations(body))
    plugin.unheard = contract.unheard(body)


def check_processes(plugins: Iterable[Plugin]) -> None:
    """Raise `ConfigurationError` for a process of its own that a plugin has nothing to do in."""
    problems = [
        f"[plugins.limits.{plugin.name}] process: the plugin implements no NOTIFY hook, and others "
        f"are never called in a process of its own"
        for plugin in plugins
        if plugin.limits.process
        and plugin.state is PluginState.ACTIVE
        and not any(_may_be_remote(each.hook) for each in plugin.implementations)
    ]
    if problems:
        raise as_error(problems)


def _may_be_remote(hook: Hook) -> bool:
    """Whether the hook is told changes: those of other plugins pass what only this process has."""
    return hook.kind is HookKind.NOTIFY and not hook.offered_by


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
