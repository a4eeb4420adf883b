"""NOTIFY hooks: a plugin as a consumer of the change feed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

from pacs_framework.errors import PluginError
from pacs_framework.plugins.budget import Watch
from pacs_framework.plugins.dispatch import count_failure, log_overrun

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.changes import Change
    from pacs_framework.plugins.budget import Helpers
    from pacs_framework.plugins.dispatch import HookCall

__all__ = ["Notified", "told"]

log = structlog.get_logger(__name__)


def told(call: HookCall, changes: Sequence[Change]) -> dict[str, Any]:
    """The arguments that tell a hook of ``changes``: of all that wait, or of the only one."""
    if call.takes_several:
        return {"changes": changes}
    (change,) = changes
    return {"change": change}


class Notified:
    """Hands changes to a plugin; a failure is counted, logged, and raised to the feed.

    A call that runs over its time is logged and counts as a failure for the circuit, but it is
    waited for: handing the change over again while it is still worked on would be wrong, and so
    would be to go on with the next. ``remote`` calls the hook in a process of the plugin's own, and
    ends that when the time is over.
    """

    def __init__(
        self,
        call: HookCall,
        helpers: Helpers,
        remote: Callable[[HookCall, Sequence[Change]], None] | None = None,
    ) -> None:
        self._call = call
        self._helpers = helpers
        self._remote = remote

    @property
    def takes_several(self) -> bool:
        """Whether the plugin wants the changes that wait together, not one after the other."""
        return self._call.takes_several

    def __call__(self, changes: Sequence[Change], archive: Archive) -> None:
        """Hand over changes, one alone unless the plugin `takes_several`.

        Raises what the plugin raises, a `SystemExit` as `PluginError`.
        """
        call = self._call
        call.circuit.admits()  # the feed has waited for it: this is the trial, if one is due
        turn = _Turn(call, changes)
        try:
            self._hand_over(changes, archive, turn.overdue)
        except BaseException as error:
            count_failure(call, error, counted=turn.late, sequence=changes[0].sequence)
            if isinstance(error, Exception):
                raise
            # Raised as it is, it would end the thread of the feed without a word.
            kind = type(error).__name__
            raise PluginError(f"plugin {call.plugin.name!r} raised {kind}") from error
        turn.done()

    def hold(self) -> float:
        """Seconds that the feed is to leave the plugin alone, because its circuit is open."""
        return self._call.circuit.time_left()

    def _hand_over(
        self, changes: Sequence[Change], archive: Archive, overdue: Callable[[], None]
    ) -> None:
        call = self._call
        if self._remote is not None:
            self._remote(call, changes)
            return
        watch = Watch()
        arguments = told(call, changes)
        if not call.limit:
            watch.run(lambda _: call(**arguments, archive=archive))
            return
        self._helpers.outlast(
            watch,
            lambda _: call(**arguments, archive=archive),
            limit=call.limit,
            overdue=overdue,
        )


class _Turn:
    """Changes in the hands of a plugin: in time, or late. The oldest names them in the log."""

    def __init__(self, call: HookCall, changes: Sequence[Change]) -> None:
        self._call = call
        self._first = changes[0].sequence
        self.late = False

    def overdue(self) -> None:
        """Its time is over; that counts as the failure of this turn, whatever comes."""
        self.late = True
        self._call.overran()
        log_overrun(self._call, sequence=self._first)

    def done(self) -> None:
        """The plugin has returned."""
        if not self.late:
            self._call.succeeded()
            return
        log.warning(
            "plugin is done after its time",
            plugin=self._call.plugin.name,
            hook=self._call.hook,
            sequence=self._first,
        )
