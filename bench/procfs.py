"""What Linux tells about a tree of processes: memory, CPU time, threads, descriptors."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Usage", "cpu_seconds", "peak_growth", "reset_peak", "resident", "tree", "usage"]

_TICK = os.sysconf("SC_CLK_TCK")
_KB = 1024


def tree(root: int) -> list[int]:
    """The process and all its descendants that are alive."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                children.setdefault(_parent(entry), []).append(int(entry.name))
    found, queue = [], [root]
    while queue:
        pid = queue.pop()
        if Path(f"/proc/{pid}").exists():
            found.append(pid)
        queue += children.get(pid, [])
    return found


def _stat(pid_folder: Path) -> list[str]:
    """The fields of ``stat`` from the state on; the name before may hold anything."""
    return (pid_folder / "stat").read_text().rpartition(")")[2].split()


def _parent(pid_folder: Path) -> int:
    return int(_stat(pid_folder)[1])


def cpu_seconds(root: int) -> float:
    """User and system time of the tree, its children that ended and were waited for included."""
    total = 0
    for pid in tree(root):
        with suppress(OSError):
            total += sum(int(field) for field in _stat(Path(f"/proc/{pid}"))[11:15])
    return total / _TICK


def _field(pid: int, file: str, name: str) -> int:
    """A line ``Name: 123 kB`` in bytes, 0 where it cannot be read."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * _KB
    return 0


def resident(root: int) -> int:
    """Resident bytes of the tree; a page that processes share counts once (PSS)."""
    return sum(
        _field(pid, "smaps_rollup", "Pss") or _field(pid, "status", "VmRSS") for pid in tree(root)
    )


def reset_peak(root: int) -> dict[int, int]:
    """Begin to watch the peak of each process anew; resident bytes now, by process."""
    before = {}
    for pid in tree(root):
        with suppress(OSError):
            Path(f"/proc/{pid}/clear_refs").write_text("5")
            before[pid] = _field(pid, "status", "VmRSS")
    return before


def peak_growth(before: dict[int, int]) -> int:
    """By how many bytes the peaks of the processes lie above what they had at `reset_peak`."""
    return sum(max(0, _field(pid, "status", "VmHWM") - rss) for pid, rss in before.items())


@dataclass(frozen=True, slots=True)
class Usage:
    """A tree of processes at one moment; ``resident`` in bytes, ``cpu`` in seconds."""

    resident: int
    threads: int
    descriptors: int
    cpu: float


def usage(root: int) -> Usage:
    """What the tree uses now."""
    threads = descriptors = 0
    for pid in tree(root):
        with suppress(OSError):
            threads += int(_stat(Path(f"/proc/{pid}"))[17])
            descriptors += sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return Usage(resident(root), threads, descriptors, cpu_seconds(root))
