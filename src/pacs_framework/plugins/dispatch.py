"""How hooks are called: the one place that knows what an exception of a plugin means.

REGISTER collects, DECIDE fails closed (see `pacs_framework.plugins.decisions`), NOTIFY is counted
and left to the change feed to repeat.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

import structlog

from pacs_framework.errors import ConfigurationError, PacsError, PluginError
from pacs_framework.plugins.blame import describe, package_of, place
from pacs_framework.plugins.results import provided_by

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.changes import Change
    from pacs_framework.plugins.contract import Implementation
    from pacs_framework.plugins.record import Plugin

__all__ = ["HookCall", "collect", "log_failure", "notifier"]

log = structlog.get_logger(__name__)


class HookCall:
    """One hook of one plugin, ready to be called; counts each call, its time and its errors."""

    __slots__ = ("_function", "_stats", "_takes", "hook", "plugin")

    def __init__(self, plugin: Plugin, implementation: Implementation) -> None:
        self.plugin = plugin
        self.hook = implementation.hook.name
        self._function = implementation.function
        self._takes = implementation.takes
        self._stats = plugin.stats[self.hook]

    def __call__(self, **arguments: Any) -> Any:
        """Call with what the function takes of ``arguments`` and of the plugin's settings."""
        arguments["settings"] = self.plugin.settings
        taken = {name: arguments[name] for name in self._takes}
        started = perf_counter_ns()
        try:
            return self._function(**taken)
        except BaseException:
            self._stats.count_error()
            raise
        finally:
            self._stats.count(perf_counter_ns() - started)

    def count_error(self) -> None:
        """Count a call whose answer cannot be used."""
        self._stats.count_error()

    @property
    def package(self) -> str:
        """The top-level package that the function is written in."""
        return package_of(self._function)


def collect(calls: Sequence[HookCall], arguments: dict[str, Any]) -> list[tuple[Plugin, Any]]:
    """Call a REGISTER hook of every plugin; one that raises or returns nonsense is FAILED.

    Raises `ConfigurationError` when two plugins provide one name.
    """
    results: list[tuple[Plugin, Any]] = []
    for call in calls:
        try:
            result = call(**arguments)
            call.plugin.provides[call.hook] = _checked(call, result)
        except PluginError as error:
            call.plugin.fail(str(error))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - also sys.exit() in a plugin
            call.plugin.fail(f"{call.hook}: {describe(error, call.package)}")
        else:
            results.append((call.plugin, result))
    if calls:
        _refuse_shared_names(calls[0].hook, [plugin for plugin, _ in results])
    return results


def _checked(call: HookCall, result: object) -> tuple[str, ...]:
    try:
        return provided_by(call.hook, result)
    except PluginError:
        call.count_error()
        raise


_WHAT = {
    "storage_backends": "storage scheme",
    "dimse_services": "DIMSE service",
    "cli_commands": "command",
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


def notifier(call: HookCall) -> Callable[[Change, Archive], None]:
    """A consumer of the change feed: logs and counts a failure, then raises it to the feed."""

    def consume(change: Change, archive: Archive) -> None:
        try:
            call(change=change, archive=archive)
        except Exception as error:
            log_failure(call, error, sequence=change.sequence)
            raise
        except SystemExit as error:
            log_failure(call, error, sequence=change.sequence)
            # Raised as it is, it would end the thread of the feed without a word.
            raise PluginError(f"plugin {call.plugin.name!r} called sys.exit()") from error

    return consume


def log_failure(call: HookCall, error: BaseException, **context: object) -> None:
    """Log that a plugin raised over an instance or a request.

    The message of an exception may hold patient data, so it goes to level debug only; that of a
    `PacsError` never does.
    """
    log.error(
        "plugin raised in hook",
        plugin=call.plugin.name,
        hook=call.hook,
        error=type(error).__name__,
        reason=str(error) if isinstance(error, PacsError) else "",
        at=place(error, call.package),
        **context,
    )
    log.debug("traceback of the plugin", plugin=call.plugin.name, exc_info=error)
