"""The hooks as a plugin is held to them: names, parameters, and what implements them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
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
    """One hook of `pacs_framework.hookspecs`."""

    name: str
    kind: HookKind
    parameters: tuple[str, ...]

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
        self._pluggy.add_hookspecs(hookspecs)
        self.hooks = {hook.name: hook for hook in self._specified()}

    def _specified(self) -> Iterator[Hook]:
        for name in vars(hookspecs):  # as they are written there: the order of an archive's life
            caller = getattr(self._pluggy.hook, name, None)
            if isinstance(caller, pluggy.HookCaller) and caller.spec is not None:
                function = caller.spec.function
                parameters = tuple(inspect.signature(function).parameters)
                yield Hook(name=name, kind=kind_of(function), parameters=parameters)

    def implementations(self, plugin: object) -> tuple[Implementation, ...]:
        """What ``plugin`` implements, in the order of the hooks.

        Raises `PluginError` with everything that is wrong, in one line.
        """
        found: list[Implementation] = []
        problems: list[str] = []
        for attribute in dir(plugin):
            options = self._pluggy.parse_hookimpl_opts(plugin, attribute)
            if options is None:
                continue
            name = options["specname"] or attribute
            try:
                found.append(self._implementation(name, getattr(plugin, attribute), options))
            except PluginError as error:
                problems.append(str(error))
        names = [each.hook.name for each in found]
        problems += [f"implements {name} twice" for name in self.hooks if names.count(name) > 1]
        if problems:
            raise PluginError("; ".join(problems))
        if not found:
            raise PluginError(f"implements no hook{self._unmarked(plugin)}")
        order = list(self.hooks)
        return tuple(sorted(found, key=lambda each: order.index(each.hook.name)))

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
        return Implementation(hook=hook, function=function, takes=_taken(hook, function))

    def _nearest(self, name: str) -> str:
        near = get_close_matches(name, self.hooks, n=3)
        if near:
            return "nearest: " + ", ".join(repr(each) for each in near)
        return "known: " + ", ".join(self.hooks)

    def _unmarked(self, plugin: object) -> str:
        named = [name for name in self.hooks if callable(getattr(plugin, name, None))]
        return f" ({', '.join(named)} not marked with @hookimpl)" if named else ""


def _taken(hook: Hook, function: Callable[..., Any]) -> tuple[str, ...]:
    """The parameters of the hook that ``function`` takes by name; `PluginError` for any other."""
    signature = inspect.signature(function)
    kinds = {name: parameter.kind for name, parameter in signature.parameters.items()}
    if inspect.Parameter.VAR_KEYWORD in kinds.values():
        return hook.parameters
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
