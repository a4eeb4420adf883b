"""How hooks are called: the one place that knows what an exception of a plugin means.

REGISTER collects, DECIDE fails closed (see `pacs_framework.plugins.decisions`), NOTIFY is counted
and left to the change feed to repeat (see `pacs_framework.plugins.notified`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Any

import structlog

from pacs_framework.errors import ConfigurationError, PacsError, PluginError
from pacs_framework.plugins.blame import describe, kind_of_error, package_of, place
from pacs_framework.plugins.budget import Overrun
from pacs_framework.plugins.record import limit_of
from pacs_framework.plugins.results import provided_by
from pacs_framework.plugins.starting import Step, overran

if TYPE_CHECKING:
    from pacs_framework.plugins.budget import Helpers
    from pacs_framework.plugins.contract import Implementation
    from pacs_framework.plugins.record import Plugin

__all__ = [
    "HookCall",
    "call_of",
    "collect",
    "count_failure",
    "is_ctrl_c",
    "log_overrun",
    "log_unasked",
]

log = structlog.get_logger(__name__)


class HookCall:
    """One hook of one plugin, ready to be called; counts each call and its time.

    ``limit`` is the time it may take in seconds, 0 for no limit. Who calls tells how it went:
    `succeeded`, `failed`; and whoever waits for it, when nobody does any more: `gave_up`.
    """

    __slots__ = ("_function", "_stats", "_takes", "circuit", "hook", "limit", "plugin")

    def __init__(self, plugin: Plugin, implementation: Implementation) -> None:
        self.plugin = plugin
        self.hook = implementation.hook.name
        self.limit = limit_of(implementation.hook.kind, plugin.limits)
        self.circuit = plugin.circuits[self.hook]
        self._function = implementation.function
        self._takes = implementation.takes
        self._stats = plugin.stats[self.hook]

    def __call__(self, **arguments: Any) -> Any:
        """Call with what the function takes of ``arguments`` and of the plugin's settings."""
        arguments["settings"] = self.plugin.settings
        taken = {name: arguments[name] for name in self._takes}
        token = self._stats.begin()
        try:
            return self._function(**taken)
        finally:
            self._stats.end(token)

    def measured(self, work: Callable[[], None]) -> None:
        """Count ``work``, done elsewhere, as a call."""
        token = self._stats.begin()
        try:
            work()
        finally:
            self._stats.end(token)

    def succeeded(self) -> None:
        """It ended well, with an answer that can be used."""
        self.circuit.succeeded()

    def failed(self, error: BaseException) -> None:
        """It raised, or gave no answer that can be used."""
        self._stats.count_error(kind_of_error(error))
        self.circuit.failed()

    def overran(self) -> None:
        """It has run over its time."""
        self._stats.count_overrun()
        self.circuit.failed()

    def gave_up(self) -> None:
        """It has run over its time, and nobody waits for it any more."""
        self.circuit.gave_up()
        self.overran()

    def came_back(self) -> None:
        """A call that was given up on has returned."""
        self.circuit.came_back()

    @property
    def takes_several(self) -> bool:
        """Whether it wants the changes that wait together, not one after the other."""
        return "changes" in self._takes

    @property
    def package(self) -> str:
        """The top-level package that the function is written in."""
        return package_of(self._function)


def collect(
    calls: Sequence[HookCall], arguments: dict[str, Any], helpers: Helpers
) -> list[tuple[Plugin, Any]]:
    """Call a REGISTER hook of every plugin, each within its time.

    One that raises, takes too long or returns nonsense is FAILED. Raises `ConfigurationError` when
    two plugins provide one name.
    """
    results: list[tuple[Plugin, Any]] = []
    for call in calls:
        try:
            result, provided = Step(call.limit).take(helpers, partial(_provided, call, arguments))
        except BaseException as error:  # also sys.exit() in a plugin
            if is_ctrl_c(error):
                raise
            call.failed(error)
            call.plugin.fail(_why(call, error))
        else:
            call.plugin.provides[call.hook] = provided
            results.append((call.plugin, result))
    if calls:
        _refuse_shared_names(calls[0].hook, [plugin for plugin, _ in results])
    return results


def _provided(call: HookCall, arguments: dict[str, Any]) -> tuple[Any, tuple[str, ...]]:
    """The result of a REGISTER hook, and the names in it."""
    result = call(**arguments)
    return result, provided_by(call.hook, result, call.plugin.name)


def _why(call: HookCall, error: BaseException) -> str:
    if isinstance(error, Overrun):
        return overran(call.hook, call.plugin, error)
    if isinstance(error, PluginError):
        return str(error)
    return f"{call.hook}: {describe(error, call.package)}"


_WHAT = {
    "storage_backends": "storage scheme",
    "anonymizers": "anonymizer",
    "dimse_services": "DIMSE service",
    "background": "background work",
    "doors": "door",
    "serve_options": "option of pacs serve",
    "cli_commands": "command",
    "tables": "table",
    "add_hookspecs": "hook",
}


def _refuse_shared_names(hook: str, plugins: Sequence[Plugin]) -> None:
    providers: dict[str, str] = {}
    for plugin in plugins:
        for name in plugin.provides[hook]:
            other = providers.setdefault(name, plugin.name)
            if other != plugin.name:
                raise ConfigurationError(
                    f"{_WHAT[hook]} {name!r} is provided by both {other!r} and "
                    f"{plugin.name!r}; name one of them in [plugins] deny"
                )


def count_failure(
    call: HookCall, error: BaseException, *, counted: bool = False, **context: object
) -> None:
    """Count and log that a plugin failed over an instance or a request.

    An `Overrun` is ``counted`` already, by the one who gave up. The message of an exception may
    hold patient data, so it goes to level debug only; that of a `PacsError` never does.
    """
    if isinstance(error, Overrun):
        log_overrun(call, **context)
        return
    if not counted:
        call.failed(error)
    log.error(
        "plugin raised in hook",
        plugin=call.plugin.name,
        hook=call.hook,
        error=kind_of_error(error),
        reason=str(error) if isinstance(error, PacsError) else "",
        at=place(error, call.package),
        **context,
    )
    log.debug("traceback of the plugin", plugin=call.plugin.name, exc_info=error)


def call_of(error: Overrun) -> HookCall:
    """The hook that has run over its time."""
    call = error.task
    assert isinstance(call, HookCall)
    return call


def is_ctrl_c(error: BaseException) -> bool:
    """Whether the user wants to end the process; anywhere else it is a plugin that raised it."""
    return isinstance(error, KeyboardInterrupt) and current_thread() is main_thread()


def log_overrun(call: HookCall, **context: object) -> None:
    """Log that a plugin has run over its time; it may still be running."""
    log.error(
        "plugin ran over its time in hook",
        plugin=call.plugin.name,
        hook=call.hook,
        seconds=call.limit,
        **context,
    )


def log_unasked(call: HookCall, **context: object) -> None:
    """Log that something is refused because a plugin that must be asked is out of service."""
    log.warning("plugin is not asked, refused", plugin=call.plugin.name, hook=call.hook, **context)
