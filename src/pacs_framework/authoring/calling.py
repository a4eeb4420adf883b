"""A plugin's hooks are called as an archive calls them, and timed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from pydicom import Dataset

from pacs_framework.app import empty_archive
from pacs_framework.archive.incoming import Coercion, Compression, Refusal
from pacs_framework.authoring.loading import Loaded
from pacs_framework.authoring.report import Finding, failed, fine, timed
from pacs_framework.authoring.samples import (
    association_requests,
    change,
    instances,
    outgoing,
    stored_archive,
)
from pacs_framework.errors import PacsError
from pacs_framework.jobs import JobKinds
from pacs_framework.network.decisions import Narrowing, Rejection
from pacs_framework.network.router import Router
from pacs_framework.plugins.blame import describe
from pacs_framework.plugins.contract import Hook, Implementation

__all__ = ["check_decide", "check_notify", "check_register"]

_REPETITIONS = 3


def check_register(loaded: Loaded, hook: Hook, folder: Path) -> Iterator[Finding]:
    """What the hook provides, around an archive without objects."""
    with empty_archive(folder, plugins=loaded.plugins) as archive:
        known = {"archive": archive, "kinds": JobKinds()}
        arguments = {name: known[name] for name in hook.parameters if name in known}
        started = perf_counter()
        try:
            [(_, result)] = loaded.plugins.register(hook.name, **arguments)
            seconds = perf_counter() - started
            if hook.name == "dimse_services":
                Router(result)  # asks for the contexts, and refuses two that answer one command
        except PacsError as error:
            yield failed(hook.name, loaded.reason or str(error))
            return
        except Exception as error:  # noqa: BLE001 - contexts() of a service may raise anything
            yield failed(hook.name, describe(error, _package(loaded)))
            return
    provided = [*_provided(loaded, hook.name, result)]
    detail = f"provides {', '.join(provided)}; " if provided else ""
    yield timed(hook.name, detail, seconds, loaded.limits.register_seconds, provides=provided)


def _provided(loaded: Loaded, hook: str, result: Any) -> tuple[str, ...]:
    """Names of what the hook provides; of codecs, which share theirs, the transfer syntaxes."""
    if hook == "codecs":
        return tuple(sorted({codec.transfer_syntax for codec in result}))
    rows = (row for row in loaded.plugins.rows() if row.name == loaded.name)
    return next((row.provides.get(hook, ()) for row in rows), ())


@dataclass(frozen=True, slots=True)
class _Decision:
    """What a DECIDE hook is asked about, by which name, and what it may answer."""

    parameter: str
    subjects: Callable[[], Mapping[str, Any]]
    answers: tuple[type, ...]


_DECISIONS = {
    "on_association": _Decision("request", association_requests, (Rejection, Narrowing)),
    "on_store": _Decision("instance", instances, (Refusal, Coercion, Compression)),
    "on_retrieve": _Decision("instance", outgoing, (Refusal, Coercion)),
}


def check_decide(loaded: Loaded, implementation: Implementation) -> Iterator[Finding]:
    """The hook judges subjects of many shapes; whatever it says is right, raising is not."""
    name = implementation.hook.name
    if name in loaded.idle:
        yield fine(name, "idle with these settings; --config FILE gives it others")
        return
    if implementation.hook.offered_by:
        yield _not_called(implementation.hook)
        return
    decision = _DECISIONS[name]
    answers: Counter[str] = Counter()
    slowest = 0.0
    for shape, subject in decision.subjects().items():
        for _ in range(_REPETITIONS):
            started = perf_counter()
            try:
                answer = _call(loaded, implementation, **{decision.parameter: subject})
            except Exception as error:  # noqa: BLE001 - it would fail the operation closed
                yield failed(name, f"raises on {shape}: {describe(error, _package(loaded))}")
                return
            slowest = max(slowest, perf_counter() - started)
        if not _is_answer(answer, decision):
            kinds = ", ".join(kind.__name__ for kind in decision.answers)
            yield failed(
                name, f"answers {shape} with a {type(answer).__name__!r}, not {kinds} or None"
            )
            return
        answers["no objection" if answer is None else type(answer).__name__] += 1
    told = ", ".join(f"{number} × {word}" for word, number in answers.items())
    yield timed(name, f"{told}; ", slowest, loaded.limits.decide_seconds)


def _is_answer(answer: object, decision: _Decision) -> bool:
    if (
        isinstance(answer, Compression)
        and Compression in decision.answers
        and answer.coercion is not None
    ):
        answer = answer.coercion
    if isinstance(answer, Coercion):
        return isinstance(answer.dataset, Dataset)
    return answer is None or isinstance(answer, decision.answers)


def check_notify(loaded: Loaded, implementation: Implementation, folder: Path) -> Iterator[Finding]:
    """The hook is told of one stored instance, and told again: it must bear repetition."""
    name = implementation.hook.name
    if name in loaded.idle:
        yield fine(name, "idle with these settings; --config FILE gives it others")
        return
    if implementation.hook.offered_by:
        yield _not_called(implementation.hook)
        return
    slowest = 0.0
    with stored_archive(folder, loaded.plugins) as archive:
        for turn in ("the first time", "a second time, which may happen to every change"):
            started = perf_counter()
            try:
                told = change()
                _call(loaded, implementation, change=told, changes=[told], archive=archive)
            except Exception as error:  # noqa: BLE001 - the change feed would repeat it
                yield failed(name, f"raises {turn}: {describe(error, _package(loaded))}")
                return
            slowest = max(slowest, perf_counter() - started)
    yield timed(name, "told twice; ", slowest, loaded.limits.notify_seconds)


def _not_called(hook: Hook) -> Finding:
    """Nobody here knows what another plugin passes to its hooks."""
    return fine(hook.name, f"a hook of plugin {hook.offered_by!r}; not called here")


def _call(loaded: Loaded, implementation: Implementation, **arguments: Any) -> Any:
    arguments["settings"] = loaded.settings
    return implementation.function(**{name: arguments[name] for name in implementation.takes})


def _package(loaded: Loaded) -> str:
    (point,) = (each for each in loaded.target.plugins if each.name == loaded.name)
    return point.module.partition(".")[0]
