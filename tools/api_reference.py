"""The page docs/reference/api.md: the public names that plugins import, from their docstrings."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import re
import sys
from abc import ABC
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, cast

from api_contents import CONTENTS
from hook_reference import NOTE

from pacs_framework.testing.suites.suite import Suite

__all__ = ["api"]

ROOT = Path(__file__).resolve().parent.parent
_PACKAGE = "pacs_framework"

_INTRODUCTION = """\
The public names that a plugin may import, from their docstrings. A name that begins with an
underscore, and any module that is not needed here, may change without notice. The
[hooks](hooks.md) have a page of their own; where a plugin starts is
[your first plugin](../tutorial/first-plugin.md).

In the tables, a method that is **abstract** is yours to write; the others have a default, or are
there for you to call.
"""


def api() -> str:
    """The whole page."""
    parts = ["# API of plugins\n", NOTE, _INTRODUCTION]
    for section in CONTENTS:
        parts += [f"## {section.title}\n", f"{section.introduction}\n"]
        for part in section.parts:
            parts += _module(importlib.import_module(f"{_PACKAGE}.{part.module}"), part.names)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts)).rstrip() + "\n"


def _module(module: ModuleType, wanted: tuple[str, ...]) -> Iterator[str]:
    unknown = set(wanted) - {*module.__all__}
    if unknown:
        sys.exit(f"tools/api_reference.py: {module.__name__} has no public {sorted(unknown)}")
    names = wanted or _in_order(module)
    path = Path(inspect.getfile(module)).relative_to(ROOT)
    yield f"From [`{module.__name__}`](../../{path}). {_markdown(_doc(module))}\n"
    for name in names:
        yield from _name(module, name, getattr(module, name))


def _in_order(module: ModuleType) -> list[str]:
    """The public names of a module as they stand in it; those from elsewhere at the end."""
    lines = {name: line for name, (line, _) in _assigned(module).items()}
    for name in module.__all__:
        value = getattr(module, name)
        if isinstance(value, type | FunctionType) and value.__module__ == module.__name__:
            lines[name] = inspect.getsourcelines(inspect.unwrap(value))[1]
    return sorted(module.__all__, key=lambda name: (lines.get(name, sys.maxsize), name))


def _name(module: ModuleType, name: str, value: Any) -> Iterator[str]:
    value = inspect.unwrap(value)  # also of a cache
    if isinstance(value, type):
        yield from _class(name, value)
    elif isinstance(value, FunctionType) and value.__doc__:
        yield f"### {name}\n"
        yield f"`{name}{_signature(value)}`\n"
        yield f"{_markdown(_doc(value))}\n"
    else:
        yield f"### {name}\n"
        yield f"{_markdown(_described(module, name))}\n"


def _described(module: ModuleType, name: str) -> str:
    """The docstring below an assignment, in the module itself or where it has the name from."""
    for source in (module, *_sources(module)):
        _, text = _assigned(source).get(name, (0, ""))
        if text:
            return text
    sys.exit(f"tools/api_reference.py: write what {module.__name__}.{name} is below it, in quotes")


def _sources(module: ModuleType) -> Iterator[ModuleType]:
    for node in _tree(module.__name__).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(_PACKAGE):
            yield importlib.import_module(node.module or "")


# --- classes --------------------------------------------------------------------------------------


def _class(name: str, cls: type) -> Iterator[str]:
    yield f"### {name}\n"
    yield f"*{_sort(cls)}.* {_markdown(_doc(cls))}\n"
    if issubclass(cls, Enum):
        rows = [f"| `{member.name}` | {_value(member)} |" for member in cls]
        yield _table("| member | value |", rows)
    elif dataclasses.is_dataclass(cls):
        yield _table("| field | type | default |", map(_field, dataclasses.fields(cls)))
    elif (constants := _of_parts(cls, _constants)) and not issubclass(cls, Exception):
        yield _table("| attribute | type | default | meaning |", constants)
    yield _table("| method | |", _of_parts(cls, _methods))


def _of_parts(cls: type, rows: Callable[[type], Iterator[str]]) -> list[str]:
    """Of the class; of a contract suite also of the parts that it is put together of, because
    whoever inherits it never names them.
    """
    parts = [each for each in cls.__mro__ if issubclass(each, Suite) and each is not Suite]
    return [row for each in parts or [cls] for row in rows(each)]


def _sort(cls: type) -> str:
    """What kind of class it is, and of an error what it tells the peer."""
    if issubclass(cls, Exception):
        return _error(cls)
    if issubclass(cls, Enum):
        return "Enumeration"
    if dataclasses.is_dataclass(cls):
        frozen = "Frozen record" if cls.__dataclass_params__.frozen else "Record"  # type: ignore[attr-defined]
        return f"{frozen}, made by keyword" if _by_keyword(cls) else frozen
    if getattr(cls, "_is_protocol", False):
        return "Protocol"
    if getattr(cls, "__abstractmethods__", None):
        return "Abstract class, to inherit"
    return "Class to inherit" if {ABC, Suite} & {*cls.__mro__} else "Class"


def _by_keyword(cls: type) -> bool:
    return all(field.kw_only for field in dataclasses.fields(cls))


def _error(cls: type[Exception]) -> str:
    status, http = getattr(cls, "status", None), getattr(cls, "http_status", None)
    above = cls.__base__.__name__ if cls.__base__ is not None else ""
    told = f": {int(status):04X}H, HTTP {int(http)}" if status and http else ""
    return f"Error, a `{above}`{told}"


def _field(field: dataclasses.Field[Any]) -> str:
    default = ""
    if field.default is not dataclasses.MISSING:
        default = f"`{_value_text(field.default)}`"
    elif field.default_factory is not dataclasses.MISSING:
        default = "made anew"
    return f"| `{field.name}` | {_code(str(field.type))} | {default} |"


def _constants(cls: type) -> Iterator[str]:
    """Class attributes that are declared, with what their docstring says."""
    annotations = vars(cls).get("__annotations__", {})
    for name, (_, text) in _assigned_in(cls).items():
        if name.startswith("_") or name not in annotations:
            continue
        default = f"`{_value_text(vars(cls)[name])}`" if name in vars(cls) else ""
        kind = re.sub(r"^ClassVar\[(.+)\]$", r"\1", str(annotations[name]))
        yield f"| `{name}` | {_code(kind)} | {default} | {_cell(_markdown(text))} |"


def _methods(cls: type) -> Iterator[str]:
    abstract: frozenset[str] = getattr(cls, "__abstractmethods__", frozenset())
    for name, member in vars(cls).items():
        if name == "__call__" or not name.startswith(("_", "test_")):
            row = _method(name, member)
            if row is not None:
                mark = "**abstract.** " if name in abstract else ""
                yield f"| {_code(row[0])} | {mark}{_cell(_markdown(row[1]))} |"


def _method(name: str, member: Any) -> tuple[str, str] | None:
    """How it is called and what it says; None for what is no method, such as a constant."""
    if isinstance(member, property):
        return name, _doc(member.fget)
    plain = getattr(member, "__func__", member)  # of a class method
    plain = getattr(plain, "__wrapped__", plain)
    if not isinstance(plain, FunctionType) or not plain.__doc__:
        return None
    shown = "" if name == "__call__" else name
    return f"{shown}{_signature(plain, own=not isinstance(member, staticmethod))}", _doc(plain)


# --- text -----------------------------------------------------------------------------------------


def _signature(function: FunctionType, *, own: bool = False) -> str:
    """Parameters and answer, as they are written; with ``own`` without the first parameter."""
    signature = inspect.signature(function)
    parameters = [*signature.parameters.values()][1 if own else 0 :]
    plain = signature.replace(
        parameters=[_written(each) for each in parameters],
        return_annotation=_Text.of(signature.return_annotation),
    )
    return str(plain)


def _written(parameter: inspect.Parameter) -> inspect.Parameter:
    default = parameter.default
    if default is not inspect.Parameter.empty:
        default = _Text(_value_text(default))
    return parameter.replace(annotation=_Text.of(parameter.annotation), default=default)


class _Text:
    """What is shown as it is, without the quotes of a string."""

    def __init__(self, text: str) -> None:
        self._text = text

    @classmethod
    def of(cls, annotation: Any) -> Any:
        """An annotation as it was written; what is none stays what it is."""
        return cls(annotation) if isinstance(annotation, str) else annotation

    def __repr__(self) -> str:
        return self._text


def _doc(thing: Any) -> str:
    return inspect.cleandoc(getattr(thing, "__doc__", None) or "")


def _value(member: Enum) -> str:
    value = member.value
    return f"{value:04X}H" if isinstance(value, int) and value > 0xFF else f"`{value}`"


def _value_text(value: Any) -> str:
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, type | FunctionType):
        return "…" if value.__name__.startswith(("_", "<")) else value.__name__
    return "…" if " object at 0x" in repr(value) else repr(value)


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|")


def _cell(text: str) -> str:
    """Text for one cell of a table: its paragraphs behind one another."""
    return re.sub(r"\s*\n\s*", " ", re.sub(r"\n\n+", "<br>", text)).replace("|", "\\|")


def _table(head: str, rows: Iterable[str]) -> str:
    found = list(rows)
    columns = head.count("|") - 1
    return "\n".join([head, "|" + "---|" * columns, *found, ""]) if found else ""


_INDENTED = re.compile(r"^((?:\w+, )*\w+)\n((?:    .+\n?)+)", re.MULTILINE)
_LITERAL = re.compile(r"(?:\n|(?<=\S))::\n\n((?: {4}.*\n|\n)+)")


def _markdown(text: str) -> str:
    """A docstring as Markdown: code marked once, literal blocks fenced, terms as a list."""
    text = text.replace("``", "`") + "\n"
    text = _LITERAL.sub(_fenced, text)
    return _INDENTED.sub(_term, text).strip()


def _fenced(found: re.Match[str]) -> str:
    block = inspect.cleandoc("\n" + found[1])
    colon = "" if found[0].startswith("\n") else ":"
    return f"{colon}\n\n```\n{block}\n```\n\n"


def _term(found: re.Match[str]) -> str:
    return f"- **{found[1]}**: {' '.join(found[2].split())}\n"


# --- what Python forgets: docstrings of assignments -----------------------------------------------


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(inspect.getsource(importlib.import_module(module)))


def _assigned(module: ModuleType) -> dict[str, tuple[int, str]]:
    """Names that a module assigns: the line, and the docstring that follows."""
    return _assignments(_tree(module.__name__).body)


def _assigned_in(cls: type) -> dict[str, tuple[int, str]]:
    bodies = [
        node.body
        for node in _tree(cls.__module__).body
        if isinstance(node, ast.ClassDef) and node.name == cls.__name__
    ]
    return _assignments(bodies[0]) if bodies else {}


def _assignments(body: list[ast.stmt]) -> dict[str, tuple[int, str]]:
    found: dict[str, tuple[int, str]] = {}
    for node, after in zip(body, [*body[1:], ast.Pass()], strict=True):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        for target in targets:
            if isinstance(target, ast.Name):
                found[target.id] = (node.lineno, _text_of(after))
    return found


def _text_of(node: ast.stmt) -> str:
    """The docstring that a statement is; empty when it is none."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return inspect.cleandoc(cast("str", node.value.value))
    return ""
