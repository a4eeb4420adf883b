"""The section ``[plugin.exec]``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ExecSettings"]


class ExecSettings(BaseModel):
    """Which command runs for which event."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    on_stored: tuple[str, ...] = Field(
        default=(),
        description=(
            "Program and arguments to run for every stored instance, without a shell. "
            "Placeholders: {file} {sop_instance_uid} {sop_class_uid} {series_instance_uid} "
            "{study_instance_uid} {calling_aet} {called_aet} {sequence}. {file} is a copy of the "
            "instance as a DICOM file, removed when the program ends. Empty runs nothing."
        ),
    )
    timeout: float = Field(
        default=60.0,
        gt=0,
        description="Seconds after which the program is killed; it is then tried again.",
    )
