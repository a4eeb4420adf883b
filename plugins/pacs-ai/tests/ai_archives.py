"""What tests have of an archive with models; apart from ``conftest``, of which there are many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydicom import Dataset

from pacs_ai.book import Book
from pacs_ai.catalogue import OfferedModel, chosen, models_of
from pacs_ai.inference import Inference
from pacs_ai.settings import AiSettings
from pacs_ai.terms import NAME
from pacs_framework.testing.running import RunningArchive

HERE = Path(__file__).parent


class Ai:
    """A running archive, its runs and its models."""

    def __init__(self, running: RunningArchive, settings: dict[str, Any]) -> None:
        self.running = running
        self.archive = running.archive
        self.settings = AiSettings.model_validate(settings)
        self.book = Book(running.archive.tables(NAME))

    def model(self, label: str) -> OfferedModel:
        return chosen(models_of(self.archive, self.settings), label)

    def inference(self, **more: Any) -> Inference:
        return replace(Inference.configured(self.archive, self.settings), **more)

    def run(self, label: str, instances: list[Any], **more: Any) -> Any:
        """Run a model on the series of ``instances``."""
        first = instances[0]
        return self.inference(**more).run(
            self.model(label), str(first.StudyInstanceUID), str(first.SeriesInstanceUID)
        )


Start = Callable[..., Ai]


def numbers_of_report(report: Dataset) -> dict[str, float]:
    """Concept to value, of all measurements of a report."""
    found = {}

    def walk(items: Any) -> None:
        for item in items:
            if item.ValueType == "NUM":
                value = item.MeasuredValueSequence[0].NumericValue
                found[item.ConceptNameCodeSequence[0].CodeMeaning] = float(value)
            walk(item.get("ContentSequence", []))

    walk(report.ContentSequence)
    return found
