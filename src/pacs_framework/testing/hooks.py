"""A plugin that records every call of a DECIDE or NOTIFY hook, and answers as it is told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pacs_framework.archive.changes import Change
from pacs_framework.archive.incoming import IncomingInstance, StoreAnswer
from pacs_framework.archive.outgoing import OutgoingInstance, RetrieveAnswer
from pacs_framework.hookspecs import hookimpl
from pacs_framework.network.decisions import AssociationRequest, Narrowing, Rejection

__all__ = ["HOOKS", "HookCall", "HookRecorder"]

_SECONDS = 30.0

HOOKS = ("on_association", "on_store", "on_retrieve", "on_stored", "on_patient_changed")
"""The hooks that a `HookRecorder` implements: all of kind DECIDE and NOTIFY."""


@dataclass(frozen=True, slots=True)
class HookCall:
    """One call: the name of the hook and its arguments."""

    hook: str
    arguments: dict[str, Any] = field(repr=False)  # patient data stays out of messages


class HookRecorder:
    """Implements every DECIDE and NOTIFY hook. Called from many threads at once.

    Until told otherwise it lets everything pass: `answer`, `fail` and `hold` say what the next
    calls of a hook do, until `answer(hook, None)`.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._calls: list[HookCall] = []
        self._behaviour: dict[str, Callable[[], object]] = {}
        self._gates: list[threading.Event] = []

    # --- what a test says -----------------------------------------------------------------------

    def answer(self, hook: str, value: object) -> None:
        """Return ``value`` from now on: a `Refusal`, a `Coercion`, a `Rejection`, … or None."""
        self._behave(hook, lambda: value)

    def fail(self, hook: str, error: BaseException) -> None:
        """Raise ``error`` from now on."""

        def failing() -> object:
            raise error

        self._behave(hook, failing)

    def hold(self, hook: str, value: object = None) -> threading.Event:
        """Hang from now on, until the event that this returns is set; then return ``value``.

        `release` sets all of them.
        """
        gate = threading.Event()
        self._gates.append(gate)

        def waiting() -> object:
            gate.wait()
            return value

        self._behave(hook, waiting)
        return gate

    def release(self) -> None:
        """Let every call that hangs go on; the fixture does it at the end of a test."""
        for gate in self._gates:
            gate.set()

    # --- what a test asks -----------------------------------------------------------------------

    @property
    def calls(self) -> tuple[HookCall, ...]:
        """Every call so far, in the order they began."""
        with self._changed:
            return tuple(self._calls)

    def of(self, hook: str) -> list[dict[str, Any]]:
        """The arguments of each call of one hook."""
        return [call.arguments for call in self.calls if call.hook == hook]

    def wait_for(self, hook: str, number: int = 1, *, seconds: float = _SECONDS) -> list[Any]:
        """Wait until ``hook`` was called ``number`` times; the arguments of all its calls.

        Raises TimeoutError after ``seconds``.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.of(hook)) >= number, seconds):
                raise TimeoutError(
                    f"{hook} was called {len(self.of(hook))} times in {seconds:g} s, not {number}"
                )
        return self.of(hook)

    # --- the hooks ------------------------------------------------------------------------------

    @hookimpl
    def on_association(self, request: AssociationRequest) -> Rejection | Narrowing | None:
        """Record, and answer as told."""
        answer: Rejection | Narrowing | None = self._called("on_association", request=request)
        return answer

    @hookimpl
    def on_store(self, instance: IncomingInstance) -> StoreAnswer:
        """Record, and answer as told."""
        answer: StoreAnswer = self._called("on_store", instance=instance)
        return answer

    @hookimpl
    def on_retrieve(self, instance: OutgoingInstance) -> RetrieveAnswer:
        """Record, and answer as told."""
        answer: RetrieveAnswer = self._called("on_retrieve", instance=instance)
        return answer

    @hookimpl
    def on_stored(self, change: Change) -> None:
        """Record, and do as told."""
        self._called("on_stored", change=change)

    @hookimpl
    def on_patient_changed(self, change: Change) -> None:
        """Record, and do as told."""
        self._called("on_patient_changed", change=change)

    def _behave(self, hook: str, behaviour: Callable[[], object]) -> None:
        if hook not in HOOKS:
            raise ValueError(f"{hook!r} is no DECIDE or NOTIFY hook (known: {', '.join(HOOKS)})")
        with self._changed:
            self._behaviour[hook] = behaviour

    def _called(self, hook: str, **arguments: object) -> Any:
        with self._changed:
            self._calls.append(HookCall(hook, arguments))
            self._changed.notify_all()
            behaviour = self._behaviour.get(hook)
        return behaviour() if behaviour else None
