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

if TYPE_CHECKING:
    from pacs_ai.running.runner import Work

__all__ = ["VARIABLES", "ImageModel"]

VARIABLES = "variables"
"""The file in the folder of a run with the environment of its container."""

_INSIDE = {name: Path("/") / name for name in ("input", "output", "work")}
_WEIGHTS = Path("/models")
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
        )
        return Call(
            command=command,
            environment=engine_environment(),
            limits=replace(work.limits, network=True),  # of the engine, which has to find its own
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
        """The file with the variables of the container, where it does not see it."""
        weights = None if self._weights is None else _WEIGHTS
        variables = {**_HOME, **self._variables(work, _INSIDE, weights)}
        path = work.folder / VARIABLES
        path.touch(mode=0o600)  # there may be secrets among them
        path.write_text("".join(f"{name}={value}\n" for name, value in variables.items()), "utf-8")
        return path
