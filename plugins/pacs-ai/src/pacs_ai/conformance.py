"""What the conformance statement says of models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacs_framework.conformance.records import Contribution, Remark, Topic

if TYPE_CHECKING:
    from pacs_ai.settings import AiSettings

__all__ = ["contributions"]


def contributions(settings: AiSettings) -> list[Contribution]:
    """That there are instances which no peer sent."""
    configured = len(settings.models)
    text = (
        "Models read stored series and add instances to their studies, each in a series of its "
        "own: Segmentation (binary), Label Map Segmentation, Parametric Map (32-bit floats), "
        "Comprehensive 3D SR by TID 1500, Grayscale Softcopy Presentation State, Key Object "
        "Selection, Secondary Capture. They "
        "carry the model's name as Manufacturer's Model Name (0008,1090) and its version in "
        "Software Versions (0018,1020), and refer to the images that they were made of. "
        f"Beside those that are installed, the site has configured {configured} models "
        "([plugin.ai] models); programs among them may add instances of any storage SOP class "
        "to the study that they were given."
    )
    if settings.workitems:
        text += (
            " Models perform Unified Procedure Steps whose Scheduled Workitem Code or Scheduled "
            "Station Name Code is one of "
            f"{', '.join(dict.fromkeys(each.said for each in settings.workitems))}."
        )
    return [Remark(topic=Topic.WORKFLOW, text=text)]
