"""The plugins of one archive: loaded, ordered, and called."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

import structlog

from pacs_framework.config import PluginsSettings
from pacs_framework.errors import PluginError
from pacs_framework.hookspecs import HookKind
from pacs_framework.plugins.blame import describe
from pacs_framework.plugins.budget import Helpers, Overrun, Watch
from pacs_framework.plugins.contract import Contract
from pacs_framework.plugins.decisions import (
    judge_association,
    judge_instance,
    judge_outgoing,
    refuse_after,
    refuse_nested,
    reject_after,
)
from pacs_framework.plugins.discovery import discover
from pacs_framework.plugins.dispatch import HookCall, call_of, collect
from pacs_framework.plugins.loader import (
    body_of,
    check_names,
    check_processes,
    implement,
    load,
    offer,
)
from pacs_framework.plugins.notified import Notified, told
from pacs_framework.plugins.offered import OfferedHooks
from pacs_framework.plugins.record import Plugin, PluginState
from pacs_framework.plugins.starting import Step
from pacs_framework.plugins.table import PluginRow, row_of, text_table
from pacs_framework.plugins.telemetry import HookFigures

if TYPE_CHECKING:
    from pydantic import BaseModel

    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.changes import Change
    from pacs_framework.archive.incoming import IncomingInstance, StoreAnswer
    from pacs_framework.archive.outgoing import OutgoingInstance, RetrieveAnswer
    from pacs_framework.network.decisions import AssociationRequest, Narrowing, Rejection
    from pacs_framework.plugins.circuit import CircuitFigures

__all__ = ["PluginSet", "load_plugins"]

log = structlog.get_logger(__name__)

_T = TypeVar("_T")


def load_plugins(
    settings: PluginsSettings,
    configured: Collection[str] = (),
    *,
    path: Sequence[str] | None = None,
    offering: Collection[str] = (),
) -> PluginSet:
    """Find, gate and import the installed plugins.

    ``configured`` names the plugins that have a section ``[plugin.NAME]``. ``path`` are the
    folders to look for distributions in, `sys.path` when None. Of those that ``offering`` names,
    only the hooks that they offer are taken; they are never called. What failed is a row of the
    result (call `PluginSet.check` to stop on it); a name that no installed plugin has, and a limit
    that cannot hold, raise `ConfigurationError`.
    """
    candidates = discover(path=path)
    check_names(settings, configured, {candidate.name for candidate in candidates})
    contract, helpers = Contract(), Helpers()
    try:
        plugins = load(candidates, contract, settings, configured, helpers, offering)
        check_processes(plugins)
    except BaseException:
        helpers.close()
        raise
    return PluginSet(plugins, contract, helpers)


class PluginSet:
    """Every installed plugin in order, and the only way the kernel calls a hook.

    A start goes: `check`, `config_models`, `bind_settings`, then `register` for each hook that
    collects; after that the set does not change and is used from many threads.
    """

    def __init__(
        self, plugins: Sequence[Plugin], contract: Contract, helpers: Helpers | None = None
    ) -> None:
        self._plugins = tuple(plugins)
        self._contract = contract
        self._helpers = helpers or Helpers()
        self._calls: dict[str, tuple[HookCall, ...]] = {}
        self._patience: dict[str, float] = {}
        self._arrange()

    @classmethod
    def with_local(
        cls,
        plugins: Mapping[str, object],
        settings: Mapping[str, BaseModel] | None = None,
        *,
        limits: PluginsSettings | None = None,
    ) -> Self:
        """A set of modules, objects or classes in this process, in the order given: for tests.

        ``settings`` overrides the defaults of a plugin's model; of ``limits`` the options
        ``optional`` and ``limits`` hold. Raises `PluginError` when one of the plugins breaks the
        contract.
        """
        contract, limits = Contract(), limits or PluginsSettings()
        records, bodies = [], {name: body_of(entry) for name, entry in plugins.items()}
        for name, body in bodies.items():
            record = Plugin(
                name=name,
                distribution="(local)",
                version="",
                configured=name not in limits.optional,
                optional=name in limits.optional,
                limits=limits.limits_of(name),
            )
            offer(record, body, contract)
            records.append(record)
        for record in records:
            implement(record, bodies[record.name], contract)
        check_processes(records)
        local = cls(records, contract)
        local.config_models()
        local.bind_settings(settings or {})
        return local

    def _arrange(self) -> None:
        """Note who is called for which hook; anew whenever a plugin has failed."""
        calls: dict[str, list[HookCall]] = {name: [] for name in self._contract.hooks}
        for plugin in self.active:
            for implementation in plugin.implementations:
                if implementation.hook.name in plugin.idle:
                    continue
                calls[implementation.hook.name].append(HookCall(plugin, implementation))
        self._calls = {name: tuple(each) for name, each in calls.items()}
        self._patience = {
            name: min((call.limit for call in each if call.limit), default=0.0)
            for name, each in calls.items()
        }

    def close(self) -> None:
        """Let the helper threads end. No hook may be called after that but those under way."""
        self._helpers.close()

    @property
    def active(self) -> tuple[Plugin, ...]:
        """The plugins that are called, in order."""
        return tuple(each for each in self._plugins if each.state is PluginState.ACTIVE)

    @property
    def inactive(self) -> frozenset[str]:
        """Names of installed plugins that are not called: failed, denied or not allowed."""
        return frozenset(each.name for each in self._plugins) - {each.name for each in self.active}

    def rows(self) -> tuple[PluginRow, ...]:
        """Every installed plugin, in order, for ``pacs plugins``."""
        return tuple(row_of(plugin) for plugin in self._plugins)

    def figures(self) -> tuple[HookFigures, ...]:
        """Calls, errors and time of every hook of every active plugin."""
        return tuple(
            stats.figures(plugin.name, hook)
            for plugin in self.active
            for hook, stats in plugin.stats.items()
        )

    def circuits(self) -> tuple[CircuitFigures, ...]:
        """The circuit of every hook of every active plugin that decides or is notified."""
        return tuple(
            plugin.circuits[each.hook.name].figures()
            for plugin in self.active
            for each in plugin.implementations
            if each.hook.kind is not HookKind.REGISTER
        )

    def check(self) -> None:
        """Raise `PluginError` with a table when a plugin failed that the configuration asks for."""
        failed = [p for p in self._plugins if p.configured and p.state is PluginState.FAILED]
        if failed:
            table = text_table(row_of(plugin) for plugin in failed)
            raise PluginError(f"plugins that the configuration asks for have failed:\n{table}")

    def log_failures(self) -> None:
        """Log each plugin that failed and is left out, and each hook that nobody offers; for a
        start, once logging is set up.
        """
        for plugin in self._plugins:
            if plugin.state is PluginState.FAILED:
                log.warning("plugin failed, left out", plugin=plugin.name, reason=plugin.reason)
            for hook in plugin.unheard if plugin.state is PluginState.ACTIVE else ():
                log.info("no active plugin offers this hook", plugin=plugin.name, hook=hook)

    def within(self, seconds: float, work: Callable[[], _T]) -> _T:
        """What ``work`` returns, in a helper thread; raises `Overrun` where it takes longer."""
        return Step(seconds).take(self._helpers, work)

    # --- REGISTER -------------------------------------------------------------------------------

    def register(self, hook: str, **arguments: Any) -> list[tuple[str, Any]]:
        """Call a REGISTER hook of every active plugin, in order: (name of the plugin, result).

        A plugin that raises, takes too long or returns what the hook does not know is FAILED and
        out of service.
        Raises `PluginError` when the configuration asks for it, `ConfigurationError` when two
        plugins provide one name.
        """
        assert self._contract.hooks[hook].kind is HookKind.REGISTER, hook
        results = collect(self._calls[hook], arguments, self._helpers)
        self._after_registration()
        return [(plugin.name, result) for plugin, result in results]

    def config_models(self) -> dict[str, type[BaseModel] | None]:
        """The model of each active plugin's section; None for a plugin that has none.

        Until `bind_settings`, each plugin has the defaults of its model.
        """
        for plugin, model in collect(self._calls["config_models"], {}, self._helpers):
            try:
                plugin.settings = model()
                plugin.model = model
            except Exception as error:  # noqa: BLE001 - validators of a plugin may raise anything
                plugin.fail(f"config_models: defaults of {model.__name__}: {describe(error)}")
        self._after_registration()
        return {plugin.name: plugin.model for plugin in self.active}

    def bind_settings(self, sections: Mapping[str, BaseModel]) -> None:
        """Give each plugin its validated section, the ``settings`` of all its hooks.

        Hooks that a plugin calls idle with these settings are not called from now on.
        """
        for plugin in self.active:
            if plugin.name in sections:
                plugin.settings = sections[plugin.name]
            plugin.idle = frozenset()
        for plugin, names in collect(self._calls["idle_hooks"], {}, self._helpers):
            self._set_idle(plugin, names)
        self._after_registration()

    def _set_idle(self, plugin: Plugin, names: Collection[str]) -> None:
        may_be_idle = {
            each.hook.name
            for each in plugin.implementations
            if each.hook.kind is not HookKind.REGISTER
        } | set(plugin.unheard)  # settings do not know whether somebody offers them
        strange = sorted(set(names) - may_be_idle)
        if strange:
            plugin.fail(
                f"idle_hooks returned {strange[0]!r}, which is no DECIDE or NOTIFY hook of its own"
            )
            return
        plugin.idle = frozenset(names)

    def _after_registration(self) -> None:
        self._arrange()
        self.check()

    # --- hooks of plugins -----------------------------------------------------------------------

    @property
    def offered(self) -> OfferedHooks:
        """What plugins call the hooks by that they offer."""
        return OfferedHooks(self._contract, lambda hook: self._calls[hook], self._helpers)

    # --- DECIDE ---------------------------------------------------------------------------------

    @property
    def decides_on_store(self) -> bool:
        """Whether any plugin has a say about instances; else `decide_store` need not be asked."""
        return bool(self._calls["on_store"])

    def decide_store(
        self, instance: IncomingInstance, archive: Archive | None = None
    ) -> StoreAnswer:
        """Ask ``on_store`` of every plugin, each within its time; see `judge_instance`.

        A hook may store through ``archive`` and so end up here again, a few times.
        """
        calls = self._calls["on_store"]
        if not calls:
            return None
        watch = Watch()
        refusal = refuse_nested(watch, instance)
        if refusal is not None:
            return refusal
        try:
            return self._decide(
                "on_store", watch, partial(judge_instance, calls, instance, archive)
            )
        except Overrun as error:
            return refuse_after(call_of(error), error, instance)

    @property
    def decides_on_retrieve(self) -> bool:
        """Whether any plugin has a say about what is sent; else `decide_retrieve` is not asked."""
        return bool(self._calls["on_retrieve"])

    def decide_retrieve(
        self, instance: OutgoingInstance, archive: Archive | None = None
    ) -> RetrieveAnswer:
        """Ask ``on_retrieve`` of every plugin, each within its time; see `judge_outgoing`."""
        calls = self._calls["on_retrieve"]
        if not calls:
            return None
        try:
            return self._decide(
                "on_retrieve", Watch(), partial(judge_outgoing, calls, instance, archive)
            )
        except Overrun as error:
            return refuse_after(call_of(error), error, instance)

    def decide_association(self, request: AssociationRequest) -> Rejection | Narrowing | None:
        """Ask ``on_association`` of every plugin, each in its time; see `judge_association`."""
        calls = self._calls["on_association"]
        if not calls:
            return None
        try:
            return self._decide(
                "on_association", Watch(), partial(judge_association, calls, request)
            )
        except Overrun as error:
            return reject_after(call_of(error), error, request)

    def _decide(self, hook: str, watch: Watch, judge: Callable[[Watch], _T]) -> _T:
        """Let ``judge`` ask: in a helper thread, unless no plugin that it asks has a limit."""
        patience = self._patience[hook]
        if not patience:
            return watch.run(judge)
        return self._helpers.answer(watch, judge, patience=patience)

    # --- NOTIFY ---------------------------------------------------------------------------------

    def notify_consumers(
        self,
        hook: str,
        remote: Callable[[str], Callable[[HookCall, Sequence[Change]], None]] | None = None,
    ) -> dict[str, Notified]:
        """Name of the plugin → its consumer of the change feed.

        A consumer counts and logs a failure and raises it again, for the feed to repeat.
        ``remote`` makes, from the name of a plugin, what calls it in a process of its own; without
        it, all are called in this one.
        """
        assert self._contract.hooks[hook].kind is HookKind.NOTIFY, hook
        return {
            call.plugin.name: Notified(
                call,
                self._helpers,
                remote(call.plugin.name) if remote and call.plugin.limits.process else None,
            )
            for call in self._calls[hook]
        }

    def notify(self, hook: str, plugin: str, changes: Sequence[Change], archive: Archive) -> None:
        """Call a NOTIFY hook of one plugin, in this thread and without a limit.

        For the process of the plugin's own: whoever waits for that has the clock.
        """
        (call,) = (each for each in self._calls[hook] if each.plugin.name == plugin)
        call(**told(call, changes), archive=archive)

    def idle_consumers(self, hook: str) -> frozenset[str]:
        """Names of active plugins that implement a NOTIFY hook and have nothing to do in it."""
        return frozenset(plugin.name for plugin in self.active if hook in plugin.idle)
