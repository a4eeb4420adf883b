"""What mercure gives its modules beside the images, and what they may leave beside theirs.

https://mercure-imaging.org/docs/modules.html; the fields of a task are those of its class ``Task``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pacs_framework.rendering.attributes import text_of

if TYPE_CHECKING:
    from pacs_ai.running.runner import Work
    from pacs_ai.volumes.study import Given

__all__ = ["TASK", "result_of", "task_of"]

TASK = "task.json"
"""The file among the images."""

_RESULT = "result.json"
_MOST_RESULT = 32 << 10  # half of what a run keeps of its words


def task_of(work: Work, name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """A task for the module ``name``: what mercure would say of rules, senders and its own version
    is empty.
    """
    first = work.series.headers[0]
    return {
        "id": work.uid,
        "info": {
            "action": "process",
            "uid": work.series.series_instance_uid or work.series.study_instance_uid,
            "uid_type": "series" if work.series.series_instance_uid else "study",
            "triggered_rules": {},
            "applied_rule": "",
            "patient_name": text_of(first, "PatientName"),
            "mrn": text_of(first, "PatientID"),
            "acc": text_of(first, "AccessionNumber"),
            "sender_address": "",
            "mercure_version": "",
            "mercure_appliance": "",
            "mercure_server": "",
        },
        "dispatch": {},
        "process": {
            "module_name": name,
            "module_config": None,
            "settings": dict(settings),
            "retain_input_images": False,
            "output": None,
        },
        "study": {} if work.series.series_instance_uid else _study_of(work.series),
    }


def _study_of(given: Given) -> dict[str, Any]:
    return {
        "study_uid": given.study_instance_uid,
        "complete_trigger": "",
        "complete_required_series": "",
        "creation_time": "",
        "last_receive_time": "",
        "received_series": [text_of(part.headers[0], "SeriesDescription") for part in given.parts],
        "received_series_uid": [part.series_instance_uid for part in given.parts],
    }


def result_of(output: Path) -> bytes:
    """What a module says of its result in numbers and words, as it has written it; empty where it
    says nothing, cut where it says too much.
    """
    path = output / _RESULT
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(_MOST_RESULT).strip()
