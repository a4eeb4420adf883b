"""Models that are images of containers: a program with folders, and a system of its own around it.

Images of mercure modules and MONAI application packages run as they are: they take their folders
from the environment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pacs_ai.running.by_command import Call, CommandModel
from pacs_ai.running.engine import Engine, Mount, engine_environment, remember
from pacs_ai.running.gpus import VISIBLE
from pacs_ai.running.runner import QUIET

if TYPE_CHECKING:
    from pacs_ai.running.runner import Work

__all__ = ["VARIABLES", "ImageModel"]

VARIABLES = "variables"
"""The file in the folder of a run with the environment of its container."""

_INSIDE = {name: Path("/") / name for name in ("input", "output", "work")}
_WEIGHTS = Path("/models")
_NO_GPU = {"NVIDIA_VISIBLE_DEVICES": "void"}
"""Where NVIDIA's runtime runs all containers, images ask it by this variable for every GPU."""

_HOME = {"HOME": str(_INSIDE["work"]), "TMPDIR": str(_INSIDE["work"])}


class ImageModel(CommandModel):
    """Runs a container of ``image``, with ``command`` in place of its own where there is one.

    The folders are ``/input``, ``/output`` and ``/work``, the weights are ``/models``. ``engine``
    is the program that runs it, empty for what is installed; ``cpus`` is how many it may keep busy.
    """

    kind = "container"

    def __init__(
        self,
        name: str,
        image: str,
        command: Sequence[str],
        *,
        engine: str,
        cpus: float | None,
        environment: Mapping[str, str],
        settings: Mapping[str, Any],
        weights: Path | None,
    ) -> None:
        super().__init__(name, command, environment=environment, settings=settings, weights=weights)
        self._image = image
        self._engine = engine
        self._cpus = cpus

    def digest(self) -> str:
        """Of the image, as its engine says, of arguments, weights and settings."""
        return self._digest(more=[Engine.found(self._engine).image_id(self._image)])

    def _call(self, work: Work, folders: Mapping[str, Path]) -> Call:
        engine, name = Engine.found(self._engine), f"pacs-ai-{work.uid}"
        ending = engine.removal(name)
        remember(work.folder, ending)
        command = engine.run(
            self._image,
            self._filled(_INSIDE),
            name=name,
            mounts=self._mounts(folders),
            variables=self._written(work),
            limits=work.limits,
            cpus=self._cpus,
            gpu=work.environment.get(VISIBLE, ""),
        )
        return Call(
            command=command,
            environment=engine_environment(),
            limits=replace(work.limits, network=True, cpus=0),  # of the engine, not what it runs
            ending=ending,
        )

    def _mounts(self, folders: Mapping[str, Path]) -> list[Mount]:
        mounts = [
            Mount(outside=path, inside=_INSIDE[name], writable=name != "input")
            for name, path in folders.items()
        ]
        if self._weights is not None:
            mounts.append(Mount(outside=self._weights, inside=_WEIGHTS, shared=True))
        return mounts

    def _written(self, work: Work) -> Path:
        """The file with the variables of the container, where it does not see it.

        Which GPU it has they do not say: in there that is the only one, whatever its number here.
        """
        weights = None if self._weights is None else _WEIGHTS
        gpus = {name: value for name, value in work.environment.items() if name != VISIBLE}
        hidden = {} if work.environment.get(VISIBLE) else _NO_GPU
        variables = self._variables(replace(work, environment=gpus), _INSIDE, weights)
        variables = {**QUIET, **_HOME, **hidden, **variables}
        path = work.folder / VARIABLES
        path.touch(mode=0o600)  # there may be secrets among them
        path.write_text("".join(f"{name}={value}\n" for name, value in variables.items()), "utf-8")
        return path
