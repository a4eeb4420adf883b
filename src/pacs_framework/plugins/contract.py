"""The hooks as a plugin is held to them: names, parameters, and what implements them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import pluggy

from pacs_framework import hookspecs
from pacs_framework.errors import PluginError
from pacs_framework.hookspecs import PROJECT, HookKind, kind_of

__all__ = ["Contract", "Hook", "Implementation"]

_PASSED_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One hook of `pacs_framework.hookspecs`, or of the plugin ``offered_by``."""

    name: str
    kind: HookKind
    parameters: tuple[str, ...]
    offered_by: str = ""

    def __str__(self) -> str:
        return f"{self.name}({', '.join(self.parameters)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Implementation:
    """A function of a plugin, and which parameters of the hook it takes."""

    hook: Hook
    function: Callable[..., Any]
    takes: tuple[str, ...]


class Contract:
    """All hooks, and the check that a plugin keeps to them."""

    def __init__(self) -> None:
        self._pluggy = pluggy.PluginManager(PROJECT)
        # As they are written there: the order of an archive's life.
        self.hooks = {hook.name: hook for hook in _specified(hookspecs)}

    def offer(self, plugin: str, specifications: object) -> tuple[str, ...]:
        """Add the hooks that ``plugin`` offers; their names.

        Raises `PluginError` with everything that is wrong, in one line; then none is added.
        """
        offered = [replace(hook, offered_by=plugin) for hook in _specified(specifications)]
        problems = [problem for hook in offered for problem in self._misfits(hook, specifications)]
        if not offered:
            problems = ["add_hookspecs returned nothing with a function marked by hookspec(kind)"]
        if problems:
            raise PluginError("; ".join(problems))
        self.hooks |= {hook.name: hook for hook in offered}
        return tuple(hook.name for hook in offered)

    def _misfits(self, hook: Hook, specifications: object) -> Iterator[str]:
        other = self.hooks.get(hook.name)
        if other is not None:
            owner = f"plugin {other.offered_by!r}" if other.offered_by else "the kernel"
            yield f"hook {hook.name!r} is offered by {owner} already"
        function = getattr(specifications, hook.name)
        if not inspect.getdoc(function):
            yield f"hook {hook.name!r} has no docstring"
        for name, parameter in inspect.signature(function).parameters.items():
            if (
                parameter.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD
                or parameter.default is not inspect.Parameter.empty
            ):
                yield f"hook {hook.name!r}: {name!r} is no plain parameter without a default"

    def implementations(self, plugin: object) -> tuple[Implementation, ...]:
        """What ``plugin`` implements, in the order of the hooks.

        What it marks as ``optionalhook`` and nobody offers is left out (see `unheard`).
        Raises `PluginError` with everything that is wrong, in one line.
        """
        found: list[Implementation] = []
        problems: list[str] = []
        optional = False
        for attribute in dir(plugin):
            options = self._pluggy.parse_hookimpl_opts(plugin, attribute)
            if options is None:
                continue
            name = options["specname"] or attribute
            if options["optionalhook"] and name not in self.hooks:
                optional = True
                continue
            try:
                found.append(self._implementation(name, getattr(plugin, attribute), options))
            except PluginError as error:
                problems.append(str(error))
        names = [each.hook.name for each in found]
        problems += [f"implements {name} twice" for name in self.hooks if names.count(name) > 1]
        if problems:
            raise PluginError("; ".join(problems))
        if not (found or optional):
            raise PluginError(f"implements no hook{self._unmarked(plugin)}")
        order = list(self.hooks)
        return tuple(sorted(found, key=lambda each: order.index(each.hook.name)))

    def implementation(self, plugin: object, name: str) -> Implementation | None:
        """What ``plugin`` implements of one hook of the kernel; raises `PluginError`."""
        options = self._pluggy.parse_hookimpl_opts(plugin, name)
        if options is None:
            return None
        return self._implementation(name, getattr(plugin, name), options)

    def unheard(self, plugin: object) -> tuple[str, ...]:
        """Hooks that ``plugin`` implements in case somebody offers them, and nobody does."""
        marked = ((name, self._pluggy.parse_hookimpl_opts(plugin, name)) for name in dir(plugin))
        names = [options["specname"] or name for name, options in marked if options is not None]
        return tuple(name for name in names if name not in self.hooks)

    def missing(self, plugin: object) -> tuple[str, ...]:
        """Hooks that ``plugin`` implements in any case, and nobody offers."""
        marked = ((name, self._pluggy.parse_hookimpl_opts(plugin, name)) for name in dir(plugin))
        needed = (
            options["specname"] or name
            for name, options in marked
            if options is not None and not options["optionalhook"]
        )
        return tuple(name for name in needed if name not in self.hooks)

    def _implementation(
        self, name: str, function: Callable[..., Any], options: pluggy.HookimplOpts
    ) -> Implementation:
        hook = self.hooks.get(name)
        if hook is None:
            raise PluginError(f"hook {name!r} does not exist, {self._nearest(name)}{_at(function)}")
        for option in ("wrapper", "hookwrapper", "tryfirst", "trylast"):
            if options[option]:
                raise PluginError(
                    f"{name} is marked {option!r}, which this kernel does not know: "
                    f"[plugins] order decides who comes first{_at(function)}"
                )
        if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
            raise PluginError(f"{name} is no ordinary function: hooks block{_at(function)}")
        takes = _taken(hook, function)
        if {"change", "changes"} <= set(takes):
            raise PluginError(f"{name} takes 'change' or 'changes', not both{_at(function)}")
        return Implementation(hook=hook, function=function, takes=takes)

    def _nearest(self, name: str) -> str:
        near = get_close_matches(name, self.hooks, n=3)
        if near:
            return "nearest: " + ", ".join(repr(each) for each in near)
        return (
            "and no active plugin offers it: install the one that does, or mark this with "
            "@hookimpl(optionalhook=True); known: "
        ) + ", ".join(self.hooks)

    def _unmarked(self, plugin: object) -> str:
        named = [name for name in self.hooks if callable(getattr(plugin, name, None))]
        return f" ({', '.join(named)} not marked with @hookimpl)" if named else ""


def _specified(specifications: object) -> Iterator[Hook]:
    for name, function in vars(specifications).items():
        if hasattr(function, "pacs_hook_kind"):
            parameters = tuple(inspect.signature(function).parameters)
            yield Hook(name=name, kind=kind_of(function), parameters=parameters)


def _taken(hook: Hook, function: Callable[..., Any]) -> tuple[str, ...]:
    """The parameters of the hook that ``function`` takes by name; `PluginError` for any other."""
    signature = inspect.signature(function)
    kinds = {name: parameter.kind for name, parameter in signature.parameters.items()}
    if inspect.Parameter.VAR_KEYWORD in kinds.values():
        return tuple(name for name in hook.parameters if name in kinds or name != "changes")
    strange = [
        name
        for name, kind in kinds.items()
        if kind is not inspect.Parameter.VAR_POSITIONAL
        and not (kind in _PASSED_BY_NAME and name in hook.parameters)
    ]
    if strange:
        raise PluginError(
            f"wrong signature: the plugin has {hook.name}({_names(list(kinds))}), "
            f"the hook is {hook}{_at(function)}"
        )
    return tuple(name for name in hook.parameters if name in kinds)


def _names(names: Sequence[str]) -> str:
    return ", ".join(names)


def _at(function: Callable[..., Any]) -> str:
    """Where a function is written, for the end of a message."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f" ({code.co_filename}:{code.co_firstlineno})" if code is not None else ""
