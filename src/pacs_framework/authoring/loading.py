"""A plugin is imported, held against the hooks, and asked for its settings; nothing else is."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import importlib_metadata
from packaging.utils import canonicalize_name
from pydantic import BaseModel

from pacs_framework.authoring.report import Finding, failed, fine, timed, warning
from pacs_framework.authoring.target import Target
from pacs_framework.config import (
    PluginLimits,
    PluginsSettings,
    Settings,
    load_settings,
    render_config,
    validate_plugin_sections,
)
from pacs_framework.config.annotations import inner_model
from pacs_framework.errors import ConfigurationError, PacsError
from pacs_framework.hookspecs import HookKind
from pacs_framework.plugins import PluginSet, load_plugins
from pacs_framework.plugins.blame import describe
from pacs_framework.plugins.contract import Contract, Hook, Implementation
from pacs_framework.plugins.discovery import GROUP, needed_distributions
from pacs_framework.plugins.loader import body_of
from pacs_framework.plugins.record import Plugin

__all__ = [
    "Loaded",
    "check_configuration",
    "check_documented",
    "check_hooks",
    "check_import",
    "load_alone",
]

_SLOW_IMPORT = 1.0
_STATED = (
    "dimse_services",
    "storage_backends",
    "codecs",
    "anonymizers",
    "on_association",
    "on_store",
    "on_retrieve",
)
"""Hooks by which a plugin changes what a conformance statement is about."""
_SETTINGS_HOOKS = ("config_models", "idle_hooks")  # called by themselves, before all others


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A plugin in this process, the only one that is called."""

    name: str
    target: Target
    body: object
    implementations: tuple[Implementation, ...]
    plugins: PluginSet
    given: Settings
    contract: Contract

    @property
    def settings(self) -> BaseModel | None:
        """Its section as validated, None where it has none."""
        return next((each.settings for each in self._active), None)

    @property
    def idle(self) -> frozenset[str]:
        """The hooks that it says have nothing to do with these settings."""
        return next((each.idle for each in self._active), frozenset())

    @property
    def _active(self) -> list[Plugin]:
        return [each for each in self.plugins.active if each.name == self.name]

    @property
    def reason(self) -> str:
        """Why it is out of service; empty while it is not."""
        rows = (row for row in self.plugins.rows() if row.name == self.name)
        return next((row.reason for row in rows if row.state != "active"), "")

    @property
    def limits(self) -> PluginLimits:
        """How long its hooks may take, as configured."""
        return self.given.plugins.limits.get(self.name, PluginLimits())

    @property
    def register_hooks(self) -> list[Hook]:
        """What it offers while an archive starts."""
        return [
            each.hook
            for each in self._of_kind(HookKind.REGISTER)
            if each.hook.name not in _SETTINGS_HOOKS and not each.hook.offered_by
        ]

    @property
    def decisions(self) -> list[Implementation]:
        """Its DECIDE hooks, but for those that plugins offer which it depends on."""
        return self._of_kind(HookKind.DECIDE)

    @property
    def notifications(self) -> list[Implementation]:
        """Its NOTIFY hooks, but for those that plugins offer which it depends on."""
        return self._of_kind(HookKind.NOTIFY)

    def _of_kind(self, kind: HookKind) -> list[Implementation]:
        return [
            each
            for each in self.implementations
            if each.hook.kind is kind and each.hook.offered_by in {"", self.name}
        ]


def check_import(target: Target) -> tuple[object | None, list[Finding]]:
    """What is behind the entry point, None when it cannot be imported; and what that cost."""
    (point,) = (each for each in target.plugins if each.name == target.name)
    package = point.module.partition(".")[0]
    before = set(sys.modules)
    started = perf_counter()
    try:
        entry = point.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a plugin may also call sys.exit()
        return None, [failed("import", describe(error, package))]
    seconds = perf_counter() - started
    came = Counter(name.partition(".")[0] for name in set(sys.modules) - before)
    return entry, [*_import_findings(seconds, came), *_suites_imported(target)]


def _import_findings(seconds: float, came: Counter[str]) -> Iterator[Finding]:
    modules = ", ".join(f"{name} {number}" for name, number in came.most_common(5)) or "none new"
    more = f" and {len(came) - 5} more packages" if len(came) > 5 else ""
    detail = f"{seconds * 1000:.1f} ms; modules: {modules}{more}"
    if seconds > _SLOW_IMPORT:
        yield warning(
            "import",
            f"{detail}; every `pacs` command waits for it: import what is heavy where it is used",
            seconds=seconds,
            modules=dict(came),
        )
    else:
        yield fine("import", detail, seconds=seconds, modules=dict(came))


def _suites_imported(target: Target) -> Iterator[Finding]:
    modules = [point.module for point in target.suites if point.module in sys.modules]
    if modules:
        yield failed(
            "import",
            f"the plugin imports {modules[0]}, which needs pytest; an archive has none",
        )


def load_alone(
    target: Target, entry: object, config: Path | None
) -> tuple[Loaded | None, list[Finding]]:
    """Let the kernel load this plugin and no other; None, and why, when it does not work.

    Of plugins that its distribution requires only the hooks are there that they offer.
    """
    contract = Contract()
    try:
        given = load_settings(config, environment={})
        needed = _needed(target)
        for point in needed:
            _offer(contract, point.name, body_of(point.load()))
        body = body_of(entry)
        _offer(contract, target.name, body)
        implementations = contract.implementations(body)
        names = tuple(point.name for point in needed)
        limits = _own_limits(given, target.name)
        alone = PluginsSettings(allow=(target.name, *names), limits=limits)
        plugins = load_plugins(alone, offering=names)
    except PacsError as error:
        return None, [failed("hooks", str(error))]
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - its constructor may raise anything
        return None, [failed("hooks", describe(error))]
    loaded = Loaded(
        name=target.name,
        target=target,
        body=body,
        implementations=implementations,
        plugins=plugins,
        given=given,
        contract=contract,
    )
    if loaded.reason:
        return None, [failed("loading", f"the kernel refuses it: {loaded.reason}")]
    return loaded, []


def _needed(target: Target) -> list[importlib_metadata.EntryPoint]:
    """The plugins that its distribution requires."""
    names = needed_distributions(target.distribution.requires or [])
    points = importlib_metadata.entry_points(group=GROUP)
    return [each for each in points if each.dist and canonicalize_name(each.dist.name) in names]


def _offer(contract: Contract, name: str, body: object) -> None:
    offering = contract.implementation(body, "add_hookspecs")
    if offering is not None:
        contract.offer(name, offering.function())


def _own_limits(given: Settings, name: str) -> dict[str, PluginLimits]:
    return {name: given.plugins.limits[name]} if name in given.plugins.limits else {}


def check_hooks(loaded: Loaded) -> Iterator[Finding]:
    """Known, with parameters that exist; and none that was meant and not marked."""
    names = [each.hook.name for each in loaded.implementations]
    unmarked = [
        name
        for name in loaded.contract.hooks
        if name not in names and callable(getattr(loaded.body, name, None))
    ]
    if unmarked:
        yield warning(
            "hooks",
            f"{', '.join(unmarked)}: called like a hook and not marked with @hookimpl, so it is "
            f"never called",
        )
    yield fine(
        "hooks",
        ", ".join(f"{each.hook.name}({', '.join(each.takes)})" for each in loaded.implementations),
        hooks=names,
    )


def check_documented(loaded: Loaded) -> Iterator[Finding]:
    """Whether the conformance statement of an archive says what the plugin does in it."""
    names = [each.hook.name for each in loaded.implementations]
    stated = [name for name in _STATED if name in names]
    if stated and "conformance" not in names:
        yield warning(
            "conformance",
            f"{', '.join(stated)}: `pacs conformance` can name the plugin and not say what it does "
            f"there; document it with the hook `conformance`",
        )


def check_configuration(loaded: Loaded, folder: Path) -> Iterator[Finding]:
    """The model of its section: described, defaults valid, and a TOML file can say all of it."""
    started = perf_counter()
    try:
        model = loaded.plugins.config_models()[loaded.name]
        loaded.plugins.bind_settings(_sections(loaded, model))
    except PacsError as error:
        yield failed("configuration", loaded.reason or str(error))
        return
    seconds = perf_counter() - started
    if model is None:
        yield fine("configuration", "no settings")
        return
    problems = [*_undescribed(model, ()), *_round_trip(loaded.name, model, folder)]
    for problem in problems:
        yield failed("configuration", problem)
    if not problems:
        keys = ", ".join(model.model_fields) or "no key"
        yield timed(
            "configuration",
            f"[plugin.{loaded.name}]: {keys}; ",
            seconds,
            loaded.limits.register_seconds,
            keys=[*model.model_fields],
        )


def _sections(loaded: Loaded, model: type[BaseModel] | None) -> dict[str, BaseModel]:
    """The section that was given, else the defaults."""
    mine = loaded.given.plugin.get(loaded.name, {})
    only = loaded.given.model_copy(update={"plugin": {loaded.name: mine} if mine else {}})
    return validate_plugin_sections(only, {loaded.name: model})


def _undescribed(model: type[BaseModel], above: tuple[str, ...]) -> Iterator[str]:
    """Fields of nested tables that ``pacs config`` could not explain; the kernel looks above."""
    for name, field in model.model_fields.items():
        path = (*above, name)
        if above and not field.description:
            yield f"{'.'.join(path)} has no description: add one to its Field"
        inner = inner_model(field.annotation)
        if inner is not None:
            yield from _undescribed(inner, path)


class _NoKernel(BaseModel):
    """The configuration of a kernel without settings: what is rendered is the plugin's alone."""


def _round_trip(name: str, model: type[BaseModel], folder: Path) -> Iterator[str]:
    """What ``pacs config`` prints, with every setting taken out of its comment, is the default."""
    text = render_config({name: model}, _NoKernel)
    file = folder / "round-trip.toml"
    file.write_text(re.sub(r"^#(?=[^ ])", "", text, flags=re.MULTILINE), "utf-8")
    try:
        read = load_settings(file, environment={})
        section = validate_plugin_sections(read, {name: model})[name]
    except ConfigurationError as error:
        yield f"what `pacs config` prints of it is refused: {error}"
        return
    default = model()
    changed = [key for key in model.model_fields if _of(section, key) != _of(default, key)]
    if changed:
        yield (
            f"{changed[0]}: the default {_of(default, changed[0])!r} comes back from TOML as "
            f"{_of(section, changed[0])!r}; use types that TOML can say"
        )


def _of(section: BaseModel, key: str) -> Any:
    return getattr(section, key)
