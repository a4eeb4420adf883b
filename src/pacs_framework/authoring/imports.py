"""What modules import, read from their source: nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

__all__ = ["Import", "ImportKind", "PrivateUse", "find_imports", "find_private_uses"]

_KERNEL = "pacs_framework"
_MISSING = {"ImportError", "ModuleNotFoundError", "Exception"}


class ImportKind(StrEnum):
    """How much an import is needed."""

    NEEDED = "needed"
    OPTIONAL = "optional"
    TYPING = "typing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One imported module, absolute; ``name`` is what is taken out of it, if anything."""

    module: str
    name: str
    kind: ImportKind
    importer: str
    file: Path
    line: int

    @property
    def top(self) -> str:
        """The top-level package."""
        return self.module.partition(".")[0]

    @property
    def place(self) -> str:
        """``file:line``, the file within its package's parent."""
        return f"{_short(self.importer, self.file)}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateUse:
    """A name of the kernel that begins with an underscore, and where it is used."""

    name: str
    place: str


def find_imports(modules: Mapping[str, Path]) -> list[Import]:
    """Every absolute import of ``modules`` (name → file). Raises SyntaxError for a broken one."""
    return [
        found
        for module, file in modules.items()
        for found in _Reader(module, file).read(_parsed(file))
    ]


def find_private_uses(modules: Mapping[str, Path]) -> list[PrivateUse]:
    """Private names of the kernel that are imported or reached through what is imported."""
    return [
        PrivateUse(name=name, place=f"{_short(module, file)}:{line}")
        for module, file in modules.items()
        for name, line in _private(_parsed(file))
    ]


def _parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_bytes(), filename=str(file))


def _short(module: str, file: Path) -> str:
    """The path of a module's file from the folder of its top-level package on."""
    depth = module.count(".") + (1 if file.name == "__init__.py" else 0)
    return "/".join(file.parts[-depth - 1 :])


class _Reader:
    """Walks one module and remembers what stands around an import."""

    def __init__(self, module: str, file: Path) -> None:
        self._module = module
        self._file = file

    def read(self, tree: ast.AST, kind: ImportKind = ImportKind.NEEDED) -> Iterator[Import]:
        for node in ast.iter_child_nodes(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield self._found(alias.name, "", kind, node.lineno)
            elif isinstance(node, ast.ImportFrom):
                if node.level == 0 and node.module:
                    for alias in node.names:
                        yield self._found(node.module, alias.name, kind, node.lineno)
            elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                yield from self._each(node.body, ImportKind.TYPING)
                yield from self._each(node.orelse, kind)
            elif isinstance(node, ast.Try) and _catches_missing(node):
                yield from self._each(node.body, ImportKind.OPTIONAL)
                yield from self._each([*node.handlers, *node.orelse, *node.finalbody], kind)
            else:
                yield from self.read(node, kind)

    def _each(self, nodes: Iterable[ast.AST], kind: ImportKind) -> Iterator[Import]:
        yield from self.read(ast.Module(body=list(nodes), type_ignores=[]), kind)  # type: ignore[arg-type]

    def _found(self, module: str, name: str, kind: ImportKind, line: int) -> Import:
        return Import(
            module=module,
            name=name,
            kind=kind,
            importer=self._module,
            file=self._file,
            line=line,
        )


def _catches_missing(node: ast.Try) -> bool:
    """Whether a failed import in the ``try`` is caught."""
    caught = {
        name.id
        for handler in node.handlers
        if handler.type is not None
        for name in ast.walk(handler.type)
        if isinstance(name, ast.Name)
    }
    return bool(caught & _MISSING) or any(handler.type is None for handler in node.handlers)


def _private(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Names of the kernel with a leading underscore: imported, or an attribute of what was."""
    ours: dict[str, str] = {}
    for node in ast.walk(tree):
        for local, name in _from_kernel(node):
            ours[local] = _KERNEL if local == _KERNEL else name
            if _hidden(name):
                yield name, node.lineno  # type: ignore[attr-defined]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _is_private(node.attr):
            root, _, rest = ast.unparse(node).partition(".")
            if root in ours:
                yield f"{ours[root]}.{rest}", node.lineno


def _from_kernel(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Local name → full name of what an import statement takes from the kernel."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            if _of_kernel(alias.name):
                yield alias.asname or _KERNEL, alias.name
    elif isinstance(node, ast.ImportFrom) and node.level == 0 and _of_kernel(node.module or ""):
        for alias in node.names:
            yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _of_kernel(module: str) -> bool:
    return module.partition(".")[0] == _KERNEL


def _hidden(name: str) -> bool:
    return any(_is_private(part) for part in name.split("."))


def _is_private(part: str) -> bool:
    return part.startswith("_") and not (part.startswith("__") and part.endswith("__"))
