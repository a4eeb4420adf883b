"""The section ``[plugin.ai]``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, JsonValue, SecretStr, field_validator, model_validator

from pacs_ai.performing.settings import WorkitemSettings
from pacs_framework.config.types import AbsolutePath, Seconds, Section, Size

if TYPE_CHECKING:
    from pacs_framework.conditions import Condition

__all__ = [
    "AiSettings",
    "ClassSettings",
    "ModelSettings",
    "TriggerSettings",
]

_GIB = 1 << 30
_GPU = re.compile(r"[0-9]{1,3}|(GPU|MIG)-[0-9a-zA-Z-]{1,64}")


class ClassSettings(Section):
    """What one output channel of a network stands for; without a value, the background."""

    value: str = Field(default="", max_length=16, description="Code Value.")
    scheme: str = Field(default="SCT", max_length=16, description="Coding Scheme Designator.")
    meaning: str = Field(default="", max_length=64, description="Code Meaning.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if bool(self.value) != bool(self.meaning):
            raise ValueError("a class has a value and a meaning, or neither for the background")
        return self


class ModelSettings(Section):
    """A model of the site's own: what is run, by one of several keys."""

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
    level: Literal["series", "study"] = Field(
        default="series",
        description="What one run is about; a command and a StudyModel may want a study.",
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
    kserve: str = Field(
        default="",
        pattern=r"^(https?://[^\s?#]+/v2/models/[^\s/?#]+(/versions/[^\s/?#]+)?)?$",
        description=(
            "A network on an inference server (Open Inference Protocol V2, such as Triton): "
            "http://HOST:PORT/v2/models/NAME or …/NAME/versions/VERSION."
        ),
    )
    monai_label: str = Field(
        default="",
        pattern=r"^(https?://[^\s?#]+/infer/[^\s/?#]+)?$",
        description="A model of a MONAI Label server that segments: http://HOST:PORT/infer/NAME.",
    )
    output: str = Field(
        default="", description="Which output of that network is wanted, if it has several."
    )
    headers: dict[str, SecretStr] = Field(
        default_factory=dict, description="HTTP headers for a server, such as Authorization."
    )
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
    settings: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="What a mercure module finds as its settings; lists and tables as well.",
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
    gpu: bool = Field(default=False, description="Whether it runs on a GPU, and not without one.")
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
    def _of_study(self) -> Self:
        if self.level == "study" and not (self.command or self.load):
            raise ValueError(
                f"model {self.name!r}: only command and load may be about a whole study"
            )
        return self

    @model_validator(mode="after")
    def _on_gpu(self) -> Self:
        if self.gpu and not (self.command or self.load):
            raise ValueError(f"model {self.name!r}: gpu is for command and load")
        if self.gpu and "CUDA_VISIBLE_DEVICES" in self.environment:
            raise ValueError(
                f"model {self.name!r}: with gpu, the archive says which one it has; leave "
                "CUDA_VISIBLE_DEVICES out of its environment"
            )
        return self

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if not (self.name and self.version):
            raise ValueError("a model has a name and a version, with which its results are signed")
        kinds = (self.command, self.load, self.onnx, self.kserve, self.monai_label)
        if sum(map(bool, kinds)) != 1:
            raise ValueError(
                f"model {self.name!r}: give one of command, load, onnx, kserve and monai_label"
            )
        if bool(self.onnx or self.kserve or self.monai_label) != bool(self.classes):
            raise ValueError(f"model {self.name!r}: classes say what a network answers")
        if self.classes and not any(each.value for each in self.classes):
            raise ValueError(f"model {self.name!r}: every one of its classes is background")
        if self.window[0] >= self.window[1]:
            raise ValueError(f"model {self.name!r}: the window begins below where it ends")
        return self

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if (self.python or self.folder) and not self.load:
            raise ValueError(f"model {self.name!r}: python and folder go with load")
        if self.settings and not self.command:
            raise ValueError(f"model {self.name!r}: settings are for a command")
        if self.weights and self.load and not self.weights.is_file():
            raise ValueError(f"model {self.name!r}: the weights of a class are one file")
        if self.weights and self.classes:
            raise ValueError(f"model {self.name!r}: the weights of a network are where it is")
        if self.output and not self.kserve:
            raise ValueError(f"model {self.name!r}: output goes with kserve")
        if self.headers and not (self.kserve or self.monai_label):
            raise ValueError(f"model {self.name!r}: headers are for a server")
        if self.monai_label and "window" in self.model_fields_set:
            raise ValueError(f"model {self.name!r}: MONAI Label is given voxels as they are")
        return self


class TriggerSettings(Section):
    """Which model runs by itself on which series. Patterns have * and ?."""

    model: str = Field(default="", description="NAME, or NAME@VERSION.")
    level: Literal["series", "study"] = Field(
        default="series",
        description="What has to be complete: a series, or the study; then all series that fit.",
    )
    modality: str = Field(default="CT", description="Pattern for Modality (0008,0060).")
    description: str = Field(default="*", description="Pattern for Series Description (0008,103E).")
    calling_aet: str = Field(default="*", description="Pattern for the AE title of the sender.")
    when: str = Field(
        default="",
        description="Condition on an instance of the series, such as 'SliceThickness <= 3'.",
    )
    quiet: Seconds = Field(
        default=60.0, description="After the last instance came of it; then the model runs."
    )
    shadow: AbsolutePath | None = Field(
        default=None, description="Folder that takes the results in place of the archive."
    )

    @model_validator(mode="after")
    def _named(self) -> Self:
        if not self.model:
            raise ValueError("a trigger names the model that it runs")
        self.condition()
        return self

    def condition(self) -> Condition | None:
        """``when``, None where it says nothing. Raises ValueError for one that means nothing."""
        if not self.when:
            return None
        from pacs_framework.conditions import Condition  # noqa: PLC0415 - few triggers have one

        return Condition.read(self.when)


class AiSettings(Section):
    """Models, and what a run may take."""

    models: tuple[ModelSettings, ...] = Field(
        default=(), description="Models of the site's own, beside those of plugins."
    )
    triggers: tuple[TriggerSettings, ...] = Field(
        default=(), description="Models that run when a series is complete; needs a queue of jobs."
    )
    workitems: tuple[WorkitemSettings, ...] = Field(
        default=(),
        description="Models that perform Unified Procedure Steps; needs pacs-ups and a queue.",
    )
    seconds: Seconds = Field(default=600.0, description="How long a run may take.")
    memory: Size = Field(default=8 * _GIB, description="What each process of a run may take.")
    gpus: tuple[str, ...] = Field(
        default=(),
        description=(
            "GPUs that models may use, as CUDA_VISIBLE_DEVICES names them: numbers or UUIDs; empty "
            "is all. With some, models without gpu = true see none."
        ),
    )
    gpu_runs: int = Field(default=1, ge=1, description="Runs on each GPU at a time.")
    keep_refused: int = Field(
        default=100,
        ge=0,
        description="How many runs whose results were refused keep them on disk for inspection.",
    )
    at_once: int = Field(default=1, ge=1, description="Runs by triggers at a time on one node.")
    attempts: int = Field(default=3, ge=1, description="How often a run by a trigger is tried.")
    workers: int = Field(
        default=4,
        ge=0,
        le=64,
        description="How many processes of models wait for the next run; 0 is a new one each time.",
    )
    idle: Seconds = Field(default=300.0, description="How long such a process waits.")
    circuit: int = Field(
        default=5, ge=1, description="So many runs of a model that fail in a row make it rest."
    )
    rest: Seconds = Field(default=600.0, description="How long such a model rests from triggers.")

    @field_validator("gpus")
    @classmethod
    def _different(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < len(names) or not all(map(_GPU.fullmatch, names)):
            raise ValueError(f"gpus are different numbers or UUIDs such as GPU-4f1c…, not {names}")
        return names
