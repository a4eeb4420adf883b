"""A model of the configuration: ``[[plugin.ai.models]]``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, SecretStr, field_validator, model_validator

from pacs_framework.config.types import AbsolutePath, Seconds, Section, Size

__all__ = ["ClassSettings", "ModelSettings"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_Address = Annotated[str, Field(pattern=r"^https?://[^\s#]+$")]


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
            "Program and arguments, without a shell; {input}, {output} and {work} are its folders. "
            "With an image, what runs in it in place of its own command."
        ),
    )
    image: str = Field(
        default="",
        pattern=r"^([\w][\w./:@-]*)?$",
        description="Image of a container that Podman or Docker has: NAME:TAG or its digest.",
    )
    cpus: float | None = Field(
        default=None, gt=0, le=1024, description="How many CPUs it may keep busy."
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
    onnx: _Address | AbsolutePath | None = Field(
        default=None, description="A network as an ONNX file, or its address in the web."
    )
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
    weights: _Address | AbsolutePath | None = Field(
        default=None,
        description=(
            "File or folder that belongs to the digest of the model, or a file's address in the "
            "web."
        ),
    )
    sha256: str = Field(
        default="",
        pattern=r"^([0-9a-f]{64})?$",
        description="Digest of what is fetched from the web for it; nothing else is run.",
    )
    when: str = Field(
        default="",
        description="Condition on an instance of the series, such as 'SliceThickness <= 3'.",
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
    def _there(cls, path: Path | str | None) -> Path | str | None:
        if isinstance(path, Path) and not path.exists():
            raise ValueError(f"{str(path)!r} does not exist")
        return path

    @property
    def address(self) -> str:
        """Where its weights, or its network, are fetched from; empty for files that are here."""
        return next((each for each in (self.weights, self.onnx) if isinstance(each, str)), "")

    @property
    def _program(self) -> str:
        """What it runs, where that is a program with folders."""
        return self.image or next(iter(self.command), "")

    @model_validator(mode="after")
    def _of_image(self) -> Self:
        if self.cpus is not None and (self.kserve or self.monai_label):
            raise ValueError(f"model {self.name!r}: cpus are for what runs on this machine")
        for each, value in self.environment.items() if self.image else ():
            if not _NAME.fullmatch(each) or "\n" in value:
                raise ValueError(
                    f"model {self.name!r}: a container cannot be given the variable {each!r}; a "
                    "name has letters, digits and _, a value has one line"
                )
        return self

    @model_validator(mode="after")
    def _from_the_web(self) -> Self:
        if self.address and not self.sha256:
            raise ValueError(
                f"model {self.name!r}: say by sha256 what {self.address} leads to, so that nothing "
                "else is ever run"
            )
        if self.sha256 and not self.address:
            raise ValueError(f"model {self.name!r}: sha256 is for what comes from the web")
        return self

    @model_validator(mode="after")
    def _on_condition(self) -> Self:
        if self.when:
            from pacs_framework.conditions import Condition  # noqa: PLC0415 - few models have one

            Condition.read(self.when)
        return self

    @model_validator(mode="after")
    def _of_study(self) -> Self:
        if self.level == "study" and not (self._program or self.load):
            raise ValueError(
                f"model {self.name!r}: only command, image and load may be about a whole study"
            )
        return self

    @model_validator(mode="after")
    def _on_gpu(self) -> Self:
        if self.gpu and not (self._program or self.load):
            raise ValueError(f"model {self.name!r}: gpu is for command, image and load")
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
        kinds = (self._program, self.load, self.onnx, self.kserve, self.monai_label)
        if sum(map(bool, kinds)) != 1:
            raise ValueError(
                f"model {self.name!r}: give one of command, image, load, onnx, kserve and "
                "monai_label"
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
        if self.settings and not self._program:
            raise ValueError(f"model {self.name!r}: settings are for a command or an image")
        if isinstance(self.weights, Path) and self.load and not self.weights.is_file():
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
