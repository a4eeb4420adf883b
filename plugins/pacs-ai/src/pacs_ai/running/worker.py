"""The process that runs of a model in Python are forked from, in this environment or another one.

    python -I worker.py FOLDER SOCKET IDLE [afresh]

FOLDER holds the model: pickled, or the name of a module and of what makes the model in it. When it
is loaded, READY is sent to SOCKET (a descriptor); then each message there is a run, with the
descriptors that it reads and writes, and answered with BEGUN. The worker itself never sees a
series: each run is a process of its own, forked from what was there before the first one. It ends
after IDLE seconds without a run, and when the socket does.

A process with threads does not bear a fork: locks that they hold stay locked. So where loading the
model begins some, or ``afresh`` is given, the worker has not loaded it, and each run does.

It is a script, because in another environment this package is not installed: it then imports of it
what needs nothing but NumPy.
"""

from __future__ import annotations

import atexit
import json
import os
import pickle
import select
import socket
import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pacs_ai.api import Progress

MODEL, PICKLED, RESULTS = "model.json", "model.pickle", "results"
READY, BEGUN = b"ready", b"begun"
AFRESH = "afresh"

_PACKAGE = "pacs_ai"
_MESSAGE = 1 << 18
_PIPES = 4


def main() -> None:
    """Load the model, and run it as often as the socket asks for that."""
    folder, asked, idle = Path(sys.argv[1]), socket.socket(fileno=int(sys.argv[2])), sys.argv[3]
    _provide_package()
    model = None if sys.argv[4:] == [AFRESH] else _loaded(folder)
    _say_nothing()
    asked.send(READY)
    run = _next_run(asked, float(idle))
    if run is not None:
        _run(model, folder, run)
        _leave()


# --- the worker -----------------------------------------------------------------------------------


def _provide_package() -> None:
    """Let this package be imported from where this file lies, and nothing else from there."""
    place = Path(__file__).resolve().parent.parent
    spec = spec_from_file_location(
        _PACKAGE, place / "__init__.py", submodule_search_locations=[str(place)]
    )
    assert spec is not None
    assert spec.loader is not None
    package = sys.modules[_PACKAGE] = module_from_spec(spec)
    spec.loader.exec_module(package)
    for needed in ("exchange", "running.supervise"):  # here, so that runs find them loaded
        import_module(f"{_PACKAGE}.{needed}")


def _loaded(folder: Path) -> Any:
    """The model, if what that takes bears a fork; else this process begins once more, afresh."""
    before = _threads()
    model = _prepared(folder)
    if _threads() > before:
        sys.stdout.flush()
        os.execv(sys.executable, (sys.executable, "-I", *sys.argv, AFRESH))  # noqa: S606
    return model


def _threads() -> int:
    """Those of this process, also of libraries; NumPy's bear a fork, and are there before."""
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - a number is all that is wanted


def _prepared(folder: Path) -> Any:
    model = _model(folder)
    getattr(model, "prepare", _nothing)()  # what only looks like a model may have none
    return model


def _model(folder: Path) -> Any:
    pickled = folder / PICKLED
    if pickled.exists():
        return pickle.loads(pickled.read_bytes())  # noqa: S301 - the archive's own
    wanted = json.loads((folder / MODEL).read_text("utf-8"))
    if wanted["folder"]:
        sys.path.insert(0, wanted["folder"])
    module, _, attribute = wanted["load"].partition(":")
    model = getattr(import_module(module), attribute)()
    _check_version(model, wanted)
    return model


def _nothing() -> None:
    """Where a model has nothing to prepare."""


def _check_version(model: Any, wanted: dict[str, Any]) -> None:
    """A model that changed is not to sign with the version of the one before."""
    version = getattr(model, "version", "")
    if version != wanted["version"]:
        sys.exit(f"{wanted['load']} has version {version!r}, and {wanted['version']!r} is pinned")


def _say_nothing() -> None:
    """What was said so far is of the first run; what comes is of the run that says it."""
    sys.stdout.flush()
    sys.stderr.flush()
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    os.close(nothing)


@dataclass(frozen=True)
class _Run:
    """A run as it was asked for; ``pipe`` is where progress goes."""

    folder: Path
    environment: dict[str, str]
    pipe: int


def _next_run(asked: socket.socket, idle: float) -> _Run | None:
    """Returns in a process forked for a run, with it; in the worker None, when that is to end."""
    patience = None  # the first one is on its way
    while select.select([asked], [], [], patience)[0]:
        patience = idle
        message, pipes, _, _ = socket.recv_fds(asked, _MESSAGE, _PIPES)
        if not message:
            break
        worker = os.getpid()
        child = os.fork()
        if not child:
            asked.close()
            return _begun(json.loads(message), pipes, worker)
        for each in pipes:
            os.close(each)
        asked.send(BEGUN)
        if os.waitpid(child, 0)[1]:
            break  # killed by others: what that run has started dies with this worker
    return None


# --- a run ----------------------------------------------------------------------------------------


def _begun(request: dict[str, Any], pipes: list[int], worker: int) -> _Run:
    """Become the supervisor of one run, and return in the process that is the run itself."""
    from pacs_ai.running.supervise import (  # noqa: PLC0415 - see above
        adopt_orphans,
        die_with,
        read_nothing,
        watch,
    )

    alive, words, progress, code = pipes
    for ours, theirs in ((alive, 0), (words, 1), (words, 2)):
        os.dup2(ours, theirs)
    os.close(alive)
    os.close(words)
    die_with(worker)
    adopt_orphans()
    supervisor = os.getpid()
    child = os.fork()
    if child:
        os.close(progress)
        os.write(code, str(watch(child)).encode("ascii"))
        os._exit(0)
    os.close(code)
    die_with(supervisor)
    read_nothing()
    os.set_inheritable(progress, False)
    return _Run(Path(request["folder"]), request["environment"], progress)


def _run(model: Any, folder: Path, run: _Run) -> None:
    from pacs_ai.api import Nothing  # noqa: PLC0415 - see above
    from pacs_ai.exchange import read_given, write_results  # noqa: PLC0415 - see above

    os.chdir(run.folder)
    os.environ.clear()
    os.environ.update(run.environment)
    model = model or _prepared(folder)
    given = read_given(run.folder)
    _check_level(model, given)
    yielded = model.run(given, _progress(run.pipe))
    results = [yielded] if isinstance(yielded, Nothing) else list(yielded)
    write_results(run.folder / RESULTS, results)


def _check_level(model: Any, given: Any) -> None:
    """What only looks like a model may take either."""
    from pacs_ai.api import Model, Study, StudyModel  # noqa: PLC0415 - see above

    kind = type(model).__name__
    if isinstance(given, Study) and isinstance(model, Model):
        sys.exit(f"{kind} is a Model, for single series; leave out level = 'study'")
    if not isinstance(given, Study) and isinstance(model, StudyModel):
        sys.exit(f"{kind} is a StudyModel; it needs level = 'study'")


def _leave() -> None:
    """End without clearing away all that is loaded, which would take longer than a small run."""
    atexit._run_exitfuncs()  # noqa: SLF001 - those may have files to write
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _progress(pipe: int) -> Progress:
    def tell(done: float) -> None:
        os.write(pipe, f"{done:.4f}\n".encode("ascii"))

    return tell


if __name__ == "__main__":
    main()
