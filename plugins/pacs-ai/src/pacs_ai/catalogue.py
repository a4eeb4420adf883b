"""The models of an archive by name and version: those of plugins, those of its configuration."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pacs_ai.api import Code, Model, StudyModel, Wants
from pacs_ai.fetching import WebFile
from pacs_ai.models.networks import NetworkClass
from pacs_ai.models.of_monai_label import MonaiLabelModel
from pacs_ai.models.of_onnx import OnnxModel
from pacs_ai.models.of_server import HEADERS, ServedModel
from pacs_ai.running.by_command import CommandModel
from pacs_ai.running.by_image import ImageModel
from pacs_ai.running.in_python import InstalledModel, NamedModel
from pacs_ai.running.process import Limits
from pacs_ai.terms import DOOR
from pacs_framework.errors import ConfigurationError, PluginError

if TYPE_CHECKING:
    from pacs_ai.model_settings import ModelSettings
    from pacs_ai.running.runner import Runner
    from pacs_ai.settings import AiSettings
    from pacs_framework.archive.archive import Archive
    from pacs_framework.plugins.offered import OfferedHooks

__all__ = ["OfferedModel", "chosen", "models_of"]

_CONFIGURATION = "the configuration"
_WEIGHTS = "weights"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedModel:
    """A model as it can be run; ``offered_by`` is the plugin, or the configuration.

    ``level`` is what one run of it is about: ``series`` or ``study``; ``gpu``: it wants one.
    ``web`` is what has to be fetched before it can run.
    """

    name: str
    version: str
    manufacturer: str
    wants: Wants
    limits: Limits
    runner: Runner
    offered_by: str
    level: str = "series"
    gpu: bool = False
    web: WebFile | None = None

    @property
    def label(self) -> str:
        """How it is asked for: NAME@VERSION."""
        return f"{self.name}@{self.version}"


def models_of(archive: Archive, settings: AiSettings) -> list[OfferedModel]:
    """Every model. Raises `PluginError` for what is none, `ConfigurationError` for twins."""
    hooks, folder = archive.hooks, archive.data / DOOR / _WEIGHTS
    found: dict[str, OfferedModel] = {}
    for model in (*_of_plugins(hooks, settings), *_of_configuration(settings, folder)):
        other = found.setdefault(model.label, model)
        if other is not model:
            raise ConfigurationError(
                f"two models are called {model.label!r}: by {other.offered_by} and by "
                f"{model.offered_by}"
            )
    return sorted(found.values(), key=lambda model: (model.name, model.version))


def chosen(models: Sequence[OfferedModel], label: str) -> OfferedModel:
    """The model of NAME@VERSION, or of NAME where there is one version of it only.

    Raises `ConfigurationError`, which names those that there are.
    """
    name, _, version = label.partition("@")
    fitting = [each for each in models if each.name == name and version in ("", each.version)]
    if len(fitting) == 1:
        return fitting[0]
    known = ", ".join(each.label for each in (fitting or models)) or "none"
    why = "has several versions" if fitting else "is not known"
    raise ConfigurationError(f"the model {label!r} {why}; there are {known}")


def _limits(settings: AiSettings) -> Limits:
    # Code that was installed as a plugin runs in the archive, too: it is not kept from the network.
    cpus = ceil(settings.cpus or 0)
    return Limits(seconds=settings.seconds, memory=settings.memory, cpus=cpus, network=True)


def _of_plugins(hooks: OfferedHooks, settings: AiSettings) -> Iterator[OfferedModel]:
    for plugin, models in hooks.register("ai_models"):
        for model in models:
            if not isinstance(model, Model | StudyModel) or not (model.name and model.version):
                raise PluginError(
                    f"plugin {plugin!r} offers {model!r}, which is no Model or StudyModel with a "
                    "name and a version"
                )
            _check_condition(plugin, model)
            yield OfferedModel(
                name=model.name,
                version=model.version,
                manufacturer=model.manufacturer,
                wants=model.wants,
                limits=_limits(settings),
                runner=InstalledModel(model),
                offered_by=f"plugin {plugin!r}",
                level="study" if isinstance(model, StudyModel) else "series",
                gpu=model.gpu,
            )


def _check_condition(plugin: str, model: Model | StudyModel) -> None:
    if not model.wants.when:
        return
    from pacs_framework.conditions import Condition, ConditionError  # noqa: PLC0415 - few have one

    try:
        Condition.read(model.wants.when)
    except ConditionError as error:
        raise PluginError(f"plugin {plugin!r}, model {model.name!r}: {error}") from error


def _of_configuration(settings: AiSettings, folder: Path) -> Iterator[OfferedModel]:
    usual = _limits(settings)
    for each in settings.models:
        web = _from_the_web(each, folder)
        wants = Wants(
            modality=each.modality,
            min_slices=each.min_slices,
            max_slices=each.max_slices,
            when=each.when,
        )
        limits = replace(
            usual,
            seconds=each.seconds or usual.seconds,
            memory=each.memory or usual.memory,
            cpus=ceil(each.cpus) if each.cpus else usual.cpus,
            network=each.network or bool(each.kserve or each.monai_label),
        )
        yield OfferedModel(
            name=each.name,
            version=each.version,
            manufacturer=each.manufacturer,
            wants=wants,
            limits=limits,
            runner=_runner(each, web, wants, limits, settings.engine),
            offered_by=_CONFIGURATION,
            level=each.level,
            gpu=each.gpu,
            web=web,
        )


def _from_the_web(each: ModelSettings, folder: Path) -> WebFile | None:
    """What it has to fetch, if anything, and where below ``folder`` that is kept."""
    if not each.address:
        return None
    return WebFile(url=each.address, digest=each.sha256, folder=folder)


def _here(file: Path | str | None, web: WebFile | None) -> Path | None:
    """``file`` on this host, where an address leads to once it was fetched."""
    if isinstance(file, str):
        assert web is not None  # as `_from_the_web` saw to
        return web.path
    return file


def _runner(
    each: ModelSettings, web: WebFile | None, wants: Wants, limits: Limits, engine: str
) -> Runner:
    weights = _here(each.weights, web)
    if each.image:
        return ImageModel(
            each.name,
            each.image,
            each.command,
            engine=engine,
            cpus=each.cpus or limits.cpus or None,
            environment=each.environment,
            settings=each.settings,
            weights=weights,
        )
    if each.command:
        return CommandModel(
            each.name,
            each.command,
            environment=each.environment,
            settings=each.settings,
            weights=weights,
        )
    if each.load:
        return NamedModel(
            each.load,
            each.version,
            python=each.python or sys.executable,
            folder=each.folder,
            weights=() if weights is None else (weights,),
            environment=each.environment,
        )
    environment = dict(each.environment)
    if each.headers:
        named = {name: value.get_secret_value() for name, value in each.headers.items()}
        environment[HEADERS] = json.dumps(named)
    kind, model = _network(each, web, wants, limits)
    return InstalledModel(model, kind=kind, environment=environment)


def _network(
    each: ModelSettings, web: WebFile | None, wants: Wants, limits: Limits
) -> tuple[str, Model]:
    """The kind of its runner, and the model."""
    known: dict[str, Any] = {
        "name": each.name,
        "version": each.version,
        "manufacturer": each.manufacturer,
        "classes": tuple(
            NetworkClass(code=_code(item.value, item.scheme, item.meaning)) for item in each.classes
        ),
        "wants": wants,
    }
    if each.monai_label:
        seconds = limits.seconds
        return "monai-label", MonaiLabelModel(url=each.monai_label, seconds=seconds, **known)
    known["window"] = each.window
    if each.kserve:
        seconds, output = limits.seconds, each.output
        return "kserve", ServedModel(url=each.kserve, seconds=seconds, output=output, **known)
    file = _here(each.onnx, web)
    assert file is not None  # as `ModelSettings` checks
    return "onnx", OnnxModel(file=file, threads=each.threads, **known)


def _code(value: str, scheme: str, meaning: str) -> Code | None:
    return Code(value=value, scheme=scheme, meaning=meaning) if value else None
