"""The section ``[plugin.ai]``."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from pacs_framework.config.types import AbsolutePath, Seconds, Section, Size

__all__ = ["AiSettings", "ClassSettings", "ModelSettings", "TriggerSettings"]

_GIB = 1 << 30


class ClassSettings(Section):
    """What one output channel of an ONNX network stands for; without a value, the background."""

    value: str = Field(default="", max_length=16, description="Code Value.")
    scheme: str = Field(default="SCT", max_length=16, description="Coding Scheme Designator.")
    meaning: str = Field(default="", max_length=64, description="Code Meaning.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if bool(self.value) != bool(self.meaning):
            raise ValueError("a class has a value and a meaning, or neither for the background")
        return self


class ModelSettings(Section):
    """A model of the site's own: one of ``command``, ``load`` and ``onnx`` says what is run."""

    name: str = Field(
        default="", pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$", description="What it is called."
    )
    version: str = Field(
        default="", max_length=64, description="Its version, with which results are signed."
    )
    manufacturer: str = Field(default="", max_length=64, description="Who made it.")
    command: tuple[str, ...] = Field(
        default=(),
        description=(
            "Program and arguments, without a shell; {input}, {output} and {work} are its folders."
        ),
    )
    load: str = Field(
        default="",
        pattern=r"^([A-Za-z_][\w.]*:[A-Za-z_]\w*)?$",
        description="module:class of a model in Python.",
    )
    python: str = Field(
        default="", description="Interpreter of its environment; empty is the archive's own."
    )
    folder: AbsolutePath | None = Field(
        default=None, description="Where its module lies, if it is not installed there."
    )
    onnx: AbsolutePath | None = Field(default=None, description="A network as an ONNX file.")
    classes: tuple[ClassSettings, ...] = Field(
        default=(), description="What the channels of its answer stand for, in their order."
    )
    window: tuple[float, float] = Field(
        default=(-1024.0, 1024.0), description="The voxels that become 0 and 1 for the network."
    )
    threads: int = Field(default=1, ge=1, le=256, description="Threads of the network.")
    weights: AbsolutePath | None = Field(
        default=None, description="File or folder that belongs to the digest of the model."
    )
    settings: dict[str, str | int | float | bool] = Field(
        default_factory=dict, description="What a mercure module finds as its settings."
    )
    environment: dict[str, str] = Field(
        default_factory=dict, description="Environment variables that it is given besides."
    )
    modality: tuple[str, ...] = Field(
        default=("CT",), description="Modalities that it is for; empty is any."
    )
    min_slices: int = Field(default=1, ge=1, description="The fewest images of a series.")
    max_slices: int = Field(default=5000, ge=1, description="The most images of a series.")
    network: bool = Field(default=False, description="Whether it may use the network.")
    seconds: Seconds | None = Field(
        default=None, description="How long it may take, in place of `seconds` above."
    )
    memory: Size | None = Field(
        default=None, description="What each of its processes may take, in place of `memory` above."
    )

    @field_validator("weights", "onnx")
    @classmethod
    def _there(cls, path: Path | None) -> Path | None:
        if path is not None and not path.exists():
            raise ValueError(f"{str(path)!r} does not exist")
        return path

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if not (self.name and self.version):
            raise ValueError("a model has a name and a version, with which its results are signed")
        if sum(map(bool, (self.command, self.load, self.onnx))) != 1:
            raise ValueError(f"model {self.name!r}: give one of command, load and onnx")
        if bool(self.onnx) != bool(self.classes):
            raise ValueError(f"model {self.name!r}: classes say what an onnx network answers")
        if self.onnx and not any(each.value for each in self.classes):
            raise ValueError(f"model {self.name!r}: every one of its classes is background")
        if self.window[0] >= self.window[1]:
            raise ValueError(f"model {self.name!r}: the window begins below where it ends")
        if (self.python or self.folder) and not self.load:
            raise ValueError(f"model {self.name!r}: python and folder go with load")
        if self.settings and not self.command:
            raise ValueError(f"model {self.name!r}: settings are for a command")
        if self.weights and self.load and not self.weights.is_file():
            raise ValueError(f"model {self.name!r}: the weights of a class are one file")
        if self.weights and self.onnx:
            raise ValueError(f"model {self.name!r}: the weights of a network are its onnx file")
        return self


class TriggerSettings(Section):
    """Which model runs by itself on which series. Patterns have * and ?."""

    model: str = Field(default="", description="NAME, or NAME@VERSION.")
    modality: str = Field(default="CT", description="Pattern for Modality (0008,0060).")
    description: str = Field(default="*", description="Pattern for Series Description (0008,103E).")
    calling_aet: str = Field(default="*", description="Pattern for the AE title of the sender.")
    quiet: Seconds = Field(
        default=60.0, description="After the last instance of a series came; then the model runs."
    )
    shadow: AbsolutePath | None = Field(
        default=None, description="Folder that takes the results in place of the archive."
    )

    @model_validator(mode="after")
    def _named(self) -> Self:
        if not self.model:
            raise ValueError("a trigger names the model that it runs")
        return self


class AiSettings(Section):
    """Models, and what a run may take."""

    models: tuple[ModelSettings, ...] = Field(
        default=(), description="Models of the site's own, beside those of plugins."
    )
    triggers: tuple[TriggerSettings, ...] = Field(
        default=(), description="Models that run when a series is complete; needs a queue of jobs."
    )
    seconds: Seconds = Field(default=600.0, description="How long a run may take.")
    memory: Size = Field(default=8 * _GIB, description="What each process of a run may take.")
    keep_refused: int = Field(
        default=100,
        ge=0,
        description="How many runs whose results were refused keep them on disk for inspection.",
    )
    at_once: int = Field(default=1, ge=1, description="Runs by triggers at a time on one node.")
    attempts: int = Field(default=3, ge=1, description="How often a run by a trigger is tried.")
    circuit: int = Field(
        default=5, ge=1, description="So many runs of a model that fail in a row make it rest."
    )
    rest: Seconds = Field(default=600.0, description="How long such a model rests from triggers.")
