"""Whether the models that run by themselves are there: told at the start, not by the first job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacs_framework.background import Background
from pacs_framework.errors import ConfigurationError

if TYPE_CHECKING:
    from pacs_ai.settings import AiSettings
    from pacs_framework.archive.archive import Archive

__all__ = ["AskedModels"]


class AskedModels(Background):
    """Stops the start of an archive whose triggers or workitems ask for what no model is."""

    name = "ai models"

    def __init__(self, archive: Archive, settings: AiSettings) -> None:
        self._archive = archive
        self._settings = settings

    def start(self) -> None:
        """Look for each. Raises `ConfigurationError`, which names those that there are."""
        from pacs_ai.catalogue import chosen, models_of  # noqa: PLC0415 - brings NumPy, as in plugin

        models = models_of(self._archive, self._settings)
        for workitem in self._settings.workitems:
            chosen(models, workitem.model)
        for trigger in self._settings.triggers:
            model = chosen(models, trigger.model)
            if model.level == "study" and trigger.level == "series":
                raise ConfigurationError(
                    f"the trigger for {trigger.model!r} needs level = 'study': {model.label} is "
                    "about whole studies"
                )

    def stop(self) -> None:
        """Nothing: it was over when the archive had started."""
