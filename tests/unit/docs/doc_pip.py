"""What stands in for pip when the examples of a page run: there is no package index in a test.

``pip install ./FOLDER`` builds a real wheel of the project with its own build backend and unpacks
it into the folder that PYTHONPATH names. ``pip install NAME …`` checks that each is a distribution
of this environment, so that a page names none that does not exist.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import importlib_metadata


def main(arguments: list[str]) -> None:
    """Install what is asked for, or exit with the reason why not."""
    if arguments[:1] != ["install"]:
        sys.exit(f"pip {' '.join(arguments)}: only `pip install` is known here")
    wanted = [a for a in arguments[1:] if a not in {"-e", "-q", "--upgrade", "--no-deps"}]
    for name in wanted:
        path = Path(name)
        if name.endswith(".whl"):
            _unpack(path)
        elif path.is_dir():
            _build(path)
        else:
            _known(name)
    sys.stdout.write(f"Successfully installed {' '.join(wanted)}\n")


def _build(project: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
        subprocess.run(command, cwd=project, check=True, stdout=subprocess.DEVNULL)
        _unpack(next(Path(folder).glob("*.whl")))


def _unpack(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(os.environ["PYTHONPATH"].split(os.pathsep)[0])


def _known(requirement: str) -> None:
    name = re.split(r"[\[<>=!~ ]", requirement)[0]
    if name.startswith("-"):
        sys.exit(f"pip install {name}: this option is not known here")
    try:
        importlib_metadata.distribution(name)
    except importlib_metadata.PackageNotFoundError:
        sys.exit(f"pip install {name}: no such distribution")


if __name__ == "__main__":
    main(sys.argv[1:])
