"""Calling the hooks that a plugin offers: for that plugin, by the rules of the kernel's own.

Time budgets, circuits, figures and the log work as everywhere else. What an answer means is for the
plugin that offers the hook.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from pacs_framework.errors import PluginError
from pacs_framework.hookspecs import HookKind
from pacs_framework.plugins.budget import GivenUp, Overrun, Watch
from pacs_framework.plugins.dispatch import (
    HookCall,
    call_of,
    collect,
    count_failure,
    is_ctrl_c,
    log_overrun,
    log_unasked,
)

if TYPE_CHECKING:
    from pacs_framework.plugins.budget import Helpers
    from pacs_framework.plugins.contract import Contract

__all__ = ["OfferedHooks"]


class OfferedHooks:
    """The hooks of plugins in one archive, as ``archive.hooks``. Safe to use from many threads.

    Arguments are passed by name; ``settings`` are added, for each plugin its own. Asking for a hook
    that no plugin offers, or by the method of another kind, is a `PluginError`.
    """

    def __init__(
        self,
        contract: Contract,
        calls: Callable[[str], Sequence[HookCall]],
        helpers: Helpers,
    ) -> None:
        self._contract = contract
        self._calls = calls
        self._helpers = helpers

    def implementers(self, hook: str) -> tuple[str, ...]:
        """The plugins that `decide` or `notify` would call, in order.

        For one that keeps a note for each of them. Raises `PluginError` as those do.
        """
        return tuple(call.plugin.name for call in self._offered(hook)[1])

    def register(self, hook: str, **arguments: Any) -> list[tuple[str, Any]]:
        """What each plugin returns of a REGISTER hook, in order: (name of the plugin, result).

        A plugin that raises or takes too long is FAILED. Raises `PluginError` when the
        configuration asks for that plugin.
        """
        calls = self._of_kind(hook, HookKind.REGISTER)
        results = collect(calls, arguments, self._helpers)
        returned = {plugin.name for plugin, _ in results}
        for plugin in (call.plugin for call in calls if call.plugin.name not in returned):
            if plugin.configured:
                raise PluginError(f"plugin {plugin.name!r} has failed: {plugin.reason}")
        return [(plugin.name, result) for plugin, result in results]

    def decide(
        self, hook: str, *, accept: Callable[[Any], Any] | None = None, **arguments: Any
    ) -> list[tuple[str, Any]]:
        """The answer of each plugin to a DECIDE hook, in order: (name of the plugin, answer).

        ``accept`` turns an answer into what is wanted, or raises a `PluginError` that says what is
        wrong with it, which then counts as the plugin's failure. It fails closed: raises
        `PluginError` when one plugin fails, runs over its time, or is out of service and not
        called optional. No later plugin is asked then.
        """
        calls = self._of_kind(hook, HookKind.DECIDE)
        work = partial(_ask_all, calls, accept, arguments)
        patience = min((call.limit for call in calls if call.limit), default=0.0)
        watch = Watch()
        if not patience:
            return watch.run(work)
        try:
            return self._helpers.answer(watch, work, patience=patience)
        except Overrun as error:
            call = call_of(error)
            log_overrun(call)
            raise _failed(call) from error

    def notify(
        self, hook: str, *, only: Collection[str] | None = None, **arguments: Any
    ) -> tuple[str, ...]:
        """Tell each plugin, or those named in ``only``; the names of those to be told again.

        A plugin that raises is logged and counted, and the others are told. One that runs over its
        time is logged, counted and waited for. One whose circuit is open is not called. Whoever
        offers the hook keeps what was not taken, in tables of its own, and tells it again later:
        that makes it *at least once*.
        """
        calls = self._of_kind(hook, HookKind.NOTIFY)
        asked = [call for call in calls if only is None or call.plugin.name in only]
        return tuple(c.plugin.name for c in asked if not self._told(c, arguments))

    def _told(self, call: HookCall, arguments: dict[str, Any]) -> bool:
        if not call.circuit.admits():
            return False
        late: list[bool] = []

        def overdue() -> None:
            late.append(True)
            call.overran()
            log_overrun(call)

        def tell(_: Watch) -> object:
            return call(**arguments)

        try:
            watch = Watch()
            if call.limit:
                self._helpers.outlast(watch, tell, limit=call.limit, overdue=overdue)
            else:
                watch.run(tell)
        except BaseException as error:
            if is_ctrl_c(error):
                raise
            count_failure(call, error, counted=bool(late))
            return False
        if not late:
            call.succeeded()
        return True

    def _of_kind(self, hook: str, kind: HookKind) -> Sequence[HookCall]:
        actual, calls = self._offered(hook)
        if actual is not kind:
            raise PluginError(f"hook {hook!r} is of kind {actual.name}, not {kind.name}")
        return calls

    def _offered(self, hook: str) -> tuple[HookKind, Sequence[HookCall]]:
        known = self._contract.hooks.get(hook)
        if known is None or not known.offered_by:
            raise PluginError(f"no plugin offers a hook {hook!r}")
        return known.kind, self._calls(hook)


def _ask_all(
    calls: Sequence[HookCall],
    accept: Callable[[Any], Any] | None,
    arguments: dict[str, Any],
    watch: Watch,
) -> list[tuple[str, Any]]:
    answers: list[tuple[str, Any]] = []
    for call in calls:
        if not call.circuit.admits():
            if call.circuit.optional:
                continue
            log_unasked(call)
            raise _failed(call, "is out of service")
        try:
            watch.begin(call)
            try:
                answer = call(**arguments)
                answer = answer if accept is None else accept(answer)
            finally:
                watch.end()
        except GivenUp:
            raise
        except BaseException as error:
            if is_ctrl_c(error):
                raise
            count_failure(call, error)
            raise _failed(call) from error
        call.succeeded()
        answers.append((call.plugin.name, answer))
    return answers


def _failed(call: HookCall, what: str = "failed") -> PluginError:
    return PluginError(f"plugin {call.plugin.name!r} {what} in hook {call.hook!r}")
