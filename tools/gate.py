"""Run the linters or the type checker over kernel and plugins, and refuse to be green on nothing.

    python tools/gate.py lint|types

A gate that matches no file looks green, so the number of files is checked and printed.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def sources() -> list[str]:
    """The packages under src and plugins/*/src, relative to the root of the repository."""
    packages = [ROOT / "src" / "pacs_framework", *sorted(ROOT.glob("plugins/*/src/*"))]
    return [str(p.relative_to(ROOT)) for p in packages if (p / "__init__.py").exists()]


def run(*command: str) -> None:
    """Run one tool of this environment and stop with its exit code when it finds something."""
    code = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, check=False).returncode
    if code:
        sys.exit(code)


def lint() -> None:
    """Style and format of everything that is Python here, and the shape of the plugins."""
    run("ruff", "check", ".")
    run("ruff", "format", "--check", ".")
    run("tools.shape")


def types(packages: list[str]) -> None:
    """Strict types over kernel and plugins."""
    run("mypy", *packages)


def main() -> None:
    """Check the number of files first, then run the gate that was asked for."""
    packages = sources()
    files = sum(len(list((ROOT / p).rglob("*.py"))) for p in packages)
    plugins = len(list(ROOT.glob("plugins/*/pyproject.toml")))
    if len(packages) != plugins + 1 or files <= plugins:
        sys.exit(f"gate: {len(packages)} packages, {files} files: too few")
    print(f"gate: {len(packages)} packages, {files} files", flush=True)
    if sys.argv[1:] == ["lint"]:
        lint()
    elif sys.argv[1:] == ["types"]:
        types(packages)
    else:
        sys.exit("usage: python tools/gate.py lint|types")


if __name__ == "__main__":
    main()
