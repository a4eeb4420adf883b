"""Programs of other projects that read what was written."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest


def tool(name: str) -> str:
    """A program of another project; the test skips with the reason where it is not installed."""
    beside = Path(hd.__file__).parents[4] / "bin" / name  # dcmqi is a package for Python
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def run(*command: object) -> str:
    """What a program says; it has to end well."""
    done = subprocess.run(list(map(str, command)), capture_output=True, check=False, timeout=60)
    said = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0, said
    return said


def errors_of(file: Path) -> list[str]:
    """What dciodvfy calls an error in an instance."""
    done = subprocess.run(
        [tool("dciodvfy"), "-new", file], capture_output=True, check=False, timeout=60
    )
    said = (done.stdout + done.stderr).decode(errors="replace").splitlines()
    return [line for line in said if line.startswith("Error")]


def read_nrrd(path: Path) -> tuple[dict[str, str], np.ndarray]:
    """A file of NRRD as dcmqi writes it: (slice, row, column)."""
    head, _, data = path.read_bytes().partition(b"\n\n")
    pairs = (line.partition(":") for line in head.decode().splitlines() if ": " in line)
    header = {key: value.strip() for key, _, value in pairs}
    if header["encoding"] == "gzip":
        data = gzip.decompress(data)
    kind = {"unsigned char": "u1", "short": "<i2", "float": "<f4", "unsigned short": "<u2"}[
        header["type"]
    ]
    sizes = [int(size) for size in header["sizes"].split()]
    return header, np.frombuffer(data, kind).reshape(sizes[::-1])
