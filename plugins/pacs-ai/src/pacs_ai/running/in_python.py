"""Models in Python: in a process of this environment, or of one of their own."""

from __future__ import annotations

import inspect
import json
import pickle
from collections.abc import Mapping
from pathlib import Path

from pacs_ai.api import Model, Nothing, StudyModel
from pacs_ai.errors import RefusedOutput
from pacs_ai.exchange import BadResults, read_study_results, write_study, write_volume
from pacs_ai.running import worker
from pacs_ai.running.runner import Made, Runner, Work, digest_of
from pacs_ai.running.said import in_one_line
from pacs_ai.running.warm import Recipe
from pacs_ai.volumes.study import LoadedStudy

__all__ = ["InstalledModel", "NamedModel"]


def _run(work: Work, recipe: Recipe) -> Made:
    shapes = _written(work)
    results = work.folder / worker.RESULTS
    results.mkdir()
    work.workers.run(recipe, work)
    try:
        found = read_study_results(results, shapes)
    except BadResults as error:
        raise RefusedOutput(str(error)) from error
    if isinstance(found, Nothing):
        return Made(nothing=in_one_line(found.reason))
    return Made(results=tuple(found))


def _written(work: Work) -> list[tuple[int, int, int]]:
    """Put what the run is about into its folder; the shapes of its volumes."""
    given = work.series
    if isinstance(given, LoadedStudy):
        study = given.as_study()
        write_study(work.folder, study)
        return [each.volume.shape for each in study.series]
    assert given.loaded is not None  # as `Runner.pixels` asks for
    write_volume(work.folder, given.loaded.volume)
    return [given.loaded.grid.shape]


class InstalledModel(Runner):
    """A model that is made here, as a plugin does: pickled into a process of this environment."""

    def __init__(
        self,
        model: Model | StudyModel,
        *,
        kind: str = "process",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._model = model
        self.kind = kind
        self._environment = dict(environment or {})

    def run(self, work: Work) -> Made:
        """As `Runner.run`."""
        recipe = Recipe(
            files=((worker.PICKLED, pickle.dumps(self._model)),),
            digest=work.digest,
            limits=work.limits,
            environment={**self._environment, **work.environment},
        )
        return _run(work, recipe)

    def digest(self) -> str:
        """Of the file of its class, its settings and its weights."""
        source = inspect.getsourcefile(type(self._model))
        files = [Path(source)] if source else []
        settings = pickle.dumps(self._model, protocol=4).hex()
        return digest_of(*files, *self._model.weights(), text=settings)


class NamedModel(Runner):
    """A model that the configuration names as ``module:attribute``, maybe of another environment.

    ``python`` is the interpreter of that one, ``folder`` is where the module lies if it is not
    installed there. Calling the attribute gives a `Model`, or what looks like one.
    """

    kind = "environment"

    def __init__(
        self,
        load: str,
        version: str,
        *,
        python: str,
        folder: Path | None,
        weights: tuple[Path, ...],
        environment: Mapping[str, str],
    ) -> None:
        self._wanted = {"load": load, "version": version, "folder": str(folder or "")}
        self._python = python
        self._weights = weights
        self._environment = environment
        module = load.partition(":")[0].replace(".", "/") + ".py"
        source = None if folder is None else folder / module
        self._files = [source] if source is not None and source.is_file() else []

    def run(self, work: Work) -> Made:
        """As `Runner.run`."""
        recipe = Recipe(
            python=self._python,
            files=((worker.MODEL, json.dumps(self._wanted).encode()),),
            digest=work.digest,
            limits=work.limits,
            environment={**self._environment, **work.environment},
        )
        return _run(work, recipe)

    def digest(self) -> str:
        """Of its module where that is a file in ``folder``, of its name, and of its weights."""
        return digest_of(*self._files, *self._weights, text=json.dumps(self._wanted))
