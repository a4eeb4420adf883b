"""The process that a model in Python runs in, of this environment or of another one.

    python -I worker.py FOLDER PIPE

FOLDER holds the volume (see `pacs_ai.exchange`) and the model: pickled, or the name of a module and
of what makes the model in it. PIPE is a descriptor that progress is written to. Results are left in
FOLDER/results. Whatever goes wrong ends in a traceback and exit code 1.

It is a script, because in another environment this package is not installed: it then imports of it
what needs nothing but NumPy.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pacs_ai.api import Model, Progress

MODEL, PICKLED, RESULTS = "model.json", "model.pickle", "results"

_PACKAGE = "pacs_ai"


def main() -> None:
    """Run the model of the folder in ``sys.argv``."""
    folder, pipe = Path(sys.argv[1]), int(sys.argv[2])
    _provide_package()
    from pacs_ai.exchange import read_volume, write_results  # noqa: PLC0415 - see above

    model = _model(folder)
    results = list(model.run(read_volume(folder), _progress(pipe)))
    write_results(folder / RESULTS, results)


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


def _model(folder: Path) -> Model:
    pickled = folder / PICKLED
    if pickled.exists():
        model: Model = pickle.loads(pickled.read_bytes())  # noqa: S301 - the archive's own
        return model
    wanted = json.loads((folder / MODEL).read_text("utf-8"))
    if wanted["folder"]:
        sys.path.insert(0, wanted["folder"])
    module, _, attribute = wanted["load"].partition(":")
    model = getattr(import_module(module), attribute)()
    _check_version(model, wanted)
    return model


def _check_version(model: Any, wanted: dict[str, Any]) -> None:
    """A model that changed is not to sign with the version of the one before."""
    version = getattr(model, "version", "")
    if version != wanted["version"]:
        sys.exit(f"{wanted['load']} has version {version!r}, and {wanted['version']!r} is pinned")


def _progress(pipe: int) -> Progress:
    def tell(done: float) -> None:
        os.write(pipe, f"{done:.4f}\n".encode("ascii"))

    return tell


if __name__ == "__main__":
    main()
