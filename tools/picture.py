"""Draw docs/explanation/architecture.svg from the imports as they are written.

    python tools/picture.py [--check]

The places of the rooms are set by hand, the arrows come from the code. Some arrows are left out,
and the drawing says which. A room without a place of its own stands above the others.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KERNEL = ROOT / "src" / "pacs_framework"
PICTURE = ROOT / "docs" / "explanation" / "architecture.svg"

_WIDTH, _HEIGHT = 1000, 580
_EVERYBODY_KNOWS = {"errors", "folders"}
_LAND, _FIRST, _GROUND, _SLAB, _ROW = 66, 238, 392, 488, 56  # upper edges of the rows of boxes


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """One room or one distribution: upper left corner, size, and what it is for."""

    name: str
    x: int
    y: int
    width: int = 140
    height: int = 58
    note: str = ""
    kind: str = "room"

    @property
    def middle(self) -> int:
        """The x of its middle."""
        return self.x + self.width // 2


_PLACES = (
    Box(name="network", x=40, y=_FIRST, width=132, note="upper layer · DIMSE"),
    Box(name="plugins", x=188, y=_FIRST, width=132, note="discovery · dispatch"),
    Box(name="archive", x=336, y=_FIRST, width=136, note="ingest · query · feed"),
    Box(name="index", x=488, y=_FIRST, width=56, note="SQL"),
    Box(name="tables", x=560, y=_FIRST, width=56, note="plugins'"),
    Box(name="rendering", x=632, y=_FIRST, width=88, note="pictures"),
    Box(name="buckets", x=732, y=_FIRST, width=66, note="objects"),
    Box(name="logs", x=40, y=_GROUND, width=72, note="structured"),
    Box(name="config", x=124, y=_GROUND, width=98, note="one TOML file"),
    Box(name="hookspecs", x=234, y=_GROUND, width=92, note="the contract"),
    Box(name="dicom", x=338, y=_GROUND, width=118, note="scan · Part 10"),
    Box(name="anonymizers", x=468, y=_GROUND, width=116, note="contract"),
    Box(name="codecs", x=596, y=_GROUND, width=80, note="contract"),
    Box(name="storage", x=692, y=_GROUND, width=82, note="contract"),
    Box(name="whole_file", x=468, y=_SLAB, width=208, height=26, kind="slab"),
    Box(name="errors", x=40, y=_SLAB, width=316, height=26, kind="slab"),
    Box(name="folders", x=372, y=_SLAB, width=84, height=26, kind="slab"),
)
_DISTRIBUTIONS_TO = ("network", "archive", "anonymizers", "codecs", "storage")
# Beside the first row, for arrows from above.
_LANES = {"anonymizers": 730, "codecs": 746, "storage": 762}
_LEFT, _RIGHT = 40, 774  # between these, distributions stand side by side


def imports(file: Path) -> Iterator[str]:
    """Rooms of the kernel that ``file`` imports when it runs: not those for type checkers only."""
    for node in _statements(ast.parse(file.read_text("utf-8"))):
        modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for module in modules:
            if module.startswith("pacs_framework."):
                yield module.split(".")[1]


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield from _statements(other)
        else:
            yield child
            yield from _statements(child)


def rooms() -> dict[str, set[str]]:
    """Every room of the kernel, and the rooms that it imports."""
    known: dict[str, set[str]] = defaultdict(set)
    for file in sorted(KERNEL.rglob("*.py")):
        room = file.relative_to(KERNEL).parts[0].removesuffix(".py")
        if room != "__init__":
            known[room] |= set(imports(file)) - {room}
    return dict(known)


def distributions() -> dict[str, set[str]]:
    """Every plugin of this repository, and the rooms that it imports."""
    return {
        project.parent.name: {
            room for file in sorted(project.parent.glob("src/**/*.py")) for room in imports(file)
        }
        for project in sorted(ROOT.glob("plugins/*/pyproject.toml"))
    }


def roof(known: Mapping[str, set[str]]) -> list[str]:
    """The rooms that have no place of their own."""
    return sorted(known.keys() - {box.name for box in _PLACES})


def arrows() -> list[tuple[str, str]]:
    """Who knows whom, as far as it is drawn."""
    known = rooms()
    placed = {box.name for box in _PLACES}
    pairs = [
        (room, other)
        for room in placed & known.keys() - _EVERYBODY_KNOWS
        for other in known[room] - _EVERYBODY_KNOWS
    ]
    pairs += [
        (name, other)
        for name, others in distributions().items()
        for other in others.intersection(_DISTRIBUTIONS_TO)
    ]
    return sorted(pairs)


def draw() -> str:
    """The whole picture."""
    known = rooms()
    below = [box for box in _PLACES if box.name in known]
    land = list(_land(distributions()))
    boxes = {box.name: box for box in (*land, *below, *_over(roof(known)))}
    more = _LAND - min(box.y for box in land)  # rows of plugins beyond the first grow upwards
    parts = [
        _head(more),
        _band(
            24,
            20 - more,
            766,
            112 + more,
            "plugins: a distribution each, found through entry points",
        ),
        _band(24, 190, 766, 346, "the kernel", indent=268),
        _band(814, 190, 162, 346, "above the rooms"),
        *_lines(arrows(), boxes),
        *(_box(box) for box in boxes.values()),
        _text(895, 505, "each knows the rooms", "small"),
        _text(895, 521, "that it needs", "small"),
        _text(500, 562, _LEGEND, "small"),
        "</svg>\n",
    ]
    return "\n".join(parts)


_LEGEND = (
    "An arrow means: imports. Not drawn: errors and folders, which everybody may know; "
    "what stands above the rooms; what plugins take from dicom and cli."
)


def _land(found: Mapping[str, set[str]]) -> Iterator[Box]:
    """The distributions, above the rooms that they need; as many rows as that takes, upwards."""
    waiting = sorted(found, key=lambda name: (_column(found[name]), name))
    rows = next(n for n in range(1, len(waiting) + 1) if min(map(_gap, _rows(waiting, n))) >= 0)
    for row, names in enumerate(_rows(waiting, rows)):
        gap = _gap(names)
        x = _LEFT
        for name in names:
            y = _LAND - row * _ROW
            yield Box(name=name, x=x, y=y, width=_width(name), height=44, kind="plugin")
            x += _width(name) + gap


def _rows(names: list[str], number: int) -> list[list[str]]:
    return [names[row::number] for row in range(number)]


def _gap(names: list[str]) -> int:
    """Between the boxes of a row; less than nothing where they do not fit."""
    return (_RIGHT - _LEFT - sum(map(_width, names))) // max(len(names) - 1, 1)


def _width(name: str) -> int:
    return 8 * len(_short(name)) + 12


def _column(known: set[str]) -> float:
    """Where the rooms that are known stand, from left to right."""
    middles = [box.middle for box in _PLACES if box.name in known & set(_DISTRIBUTIONS_TO)]
    return sum(middles) / len(middles) if middles else 0.0


def _short(name: str) -> str:
    return name.removeprefix("pacs-").replace("storage-filesystem", "filesystem")


def _over(names: list[str]) -> Iterator[Box]:
    height = min(46, 258 // max(len(names), 1) - 8)
    for number, name in enumerate(names):
        yield Box(
            name=name,
            x=834,
            y=_FIRST + number * (height + 8),
            width=122,
            height=height,
            kind="roof",
        )


def _lines(pairs: list[tuple[str, str]], boxes: Mapping[str, Box]) -> Iterator[str]:
    """One line for each arrow; those that share an edge of a box share it evenly."""
    leaving: dict[str, list[str]] = defaultdict(list)
    reaching: dict[str, list[str]] = defaultdict(list)
    for source, target in pairs:
        if boxes[source].y < boxes[target].y and boxes[target].kind != "roof":
            leaving[source].append(target)
            reaching[target].append(source)
    for source, target in pairs:
        one, other = boxes[source], boxes[target]
        if other.kind == "roof":
            yield _over_the_others(one, other)
            continue
        if one.y >= other.y:
            yield _sideways(one, other)
            continue
        x1 = _share(one, target, leaving[source], boxes)
        x2 = _share(other, source, reaching[target], boxes)
        stops = [(x1, one.y + one.height), (x2, other.y - 6)]
        if one.kind == "plugin" and other.y > _FIRST:  # around the rooms that are in between
            lane = _LANES[target]
            stops[1:1] = [(lane, _FIRST), (lane, _FIRST + other.height)]
        style = "tie" if one.kind == "plugin" else "know"
        yield (
            f'<path class="{style}" d="{_curve(stops)}" marker-end="url(#{style})">'
            f"<title>{source} knows {target}</title></path>"
        )


def _curve(stops: list[tuple[int, int]]) -> str:
    """Through all points, upright at each."""
    parts = [f"M{stops[0][0]} {stops[0][1]}"]
    for (x1, y1), (x2, y2) in pairwise(stops):
        bend = (y2 - y1) // 2
        parts.append(f"C{x1} {y1 + bend} {x2} {y2 - bend} {x2} {y2}")
    return " ".join(parts)


def _share(box: Box, end: str, ends: list[str], boxes: Mapping[str, Box]) -> int:
    order = sorted(ends, key=lambda name: (boxes[name].middle, name))
    return box.x + box.width * (order.index(end) + 1) // (len(order) + 1)


def _sideways(one: Box, other: Box) -> str:
    """Between neighbours of a row; each direction has a height of its own."""
    rightwards = one.x < other.x
    y = one.y + one.height // 2 + (-8 if rightwards else 8)
    x1 = one.x + one.width if rightwards else one.x
    x2 = other.x - 6 if rightwards else other.x + other.width + 6
    return (
        f'<path class="know" d="M{x1} {y} L{x2} {y}" marker-end="url(#know)">'
        f"<title>{one.name} knows {other.name}</title></path>"
    )


def _over_the_others(one: Box, other: Box) -> str:
    """From the top of a room, above its neighbours, to what stands above the rooms."""
    x, y = one.x + one.width - 20, other.y + other.height // 2
    return (
        f'<path class="know" d="M{x} {one.y} V{one.y - 14} H802 V{y} H{other.x - 6}" '
        f'marker-end="url(#know)"><title>{one.name} knows {other.name}</title></path>'
    )


def _band(x: int, y: int, width: int, height: int, title: str, indent: int = 16) -> str:
    return (
        f'<rect class="band" x="{x}" y="{y}" width="{width}" height="{height}" rx="12"/>\n'
        f'<text class="title" x="{x + indent}" y="{y + 26}">{escape(title)}</text>'
    )


def _box(box: Box) -> str:
    middle = box.y + box.height // 2
    place = f'x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}"'
    lines = [f'<rect class="{box.kind}" {place} rx="7"/>']
    name = _short(box.name) if box.kind == "plugin" else box.name
    style = "plugin-name" if box.kind == "plugin" else "name"
    lines.append(_text(box.middle, middle + (-3 if box.note else 5), name, style))
    if box.note:
        lines.append(_text(box.middle, middle + 16, box.note, "small"))
    return "\n".join(lines)


def _text(x: int, y: int, text: str, style: str) -> str:
    return f'<text class="{style}" x="{x}" y="{y}" text-anchor="middle">{escape(text)}</text>'


# A picture in a page cannot ask the page for its theme, only the system: hence a ground of its own.
def _head(more: int) -> str:
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 {-more} {_WIDTH} {_HEIGHT + more}" role="img"
  aria-labelledby="title" font-family="system-ui, -apple-system, 'Segoe UI', sans-serif">
<title id="title">Rooms of the kernel, plugins around it, and who imports whom</title>
<style>
  .paper {{ fill: #ffffff }}
  .band {{ fill: #f4f6f8; stroke: #d3dae1 }}
  .room {{ fill: #ffffff; stroke: #5b6b7b; stroke-width: 1.4 }}
  .roof {{ fill: #ffffff; stroke: #5b6b7b; stroke-width: 1.4 }}
  .slab {{ fill: #e6eaee; stroke: #5b6b7b; stroke-width: 1.4 }}
  .plugin {{ fill: #eaf4f1; stroke: #0b6e5b; stroke-width: 1.4; stroke-dasharray: 5 3 }}
  .know {{ fill: none; stroke: #5b6b7b; stroke-width: 1.4 }}
  .tie {{ fill: none; stroke: #0b6e5b; stroke-width: 1.4; stroke-dasharray: 5 3 }}
  .head-know {{ fill: #5b6b7b }}
  .head-tie {{ fill: #0b6e5b }}
  text {{ fill: #17212b }}
  .name {{ font-size: 15px; font-weight: 600 }}
  .plugin-name {{ font-size: 13px; font-weight: 600 }}
  .title {{ font-size: 14px; font-weight: 600; fill: #45525f }}
  .small {{ font-size: 12px; fill: #45525f }}
  @media (prefers-color-scheme: dark) {{
    .paper {{ fill: #14181d }}
    .band {{ fill: #1b2127; stroke: #36414c }}
    .room, .roof {{ fill: #232b33; stroke: #93a4b5 }}
    .slab {{ fill: #2c3640; stroke: #93a4b5 }}
    .plugin {{ fill: #16302b; stroke: #4fc3a9 }}
    .know {{ stroke: #93a4b5 }}
    .tie {{ stroke: #4fc3a9 }}
    .head-know {{ fill: #93a4b5 }}
    .head-tie {{ fill: #4fc3a9 }}
    text {{ fill: #e8edf2 }}
    .title, .small {{ fill: #b6c2cd }}
  }}
</style>
<defs>
  <marker id="know" viewBox="0 0 8 8" refX="2" refY="4" markerWidth="7" markerHeight="7"
    orient="auto"><path class="head-know" d="M0 0 L8 4 L0 8 z"/></marker>
  <marker id="tie" viewBox="0 0 8 8" refX="2" refY="4" markerWidth="7" markerHeight="7"
    orient="auto"><path class="head-tie" d="M0 0 L8 4 L0 8 z"/></marker>
</defs>
<rect class="paper" y="{-more}" width="{_WIDTH}" height="{_HEIGHT + more}" rx="14"/>"""


def main(arguments: list[str]) -> None:
    """Write the picture, or with ``--check`` exit 1 when it is not what the code says."""
    if arguments == ["--check"]:
        fresh = PICTURE.exists() and PICTURE.read_text("utf-8") == draw()
        sys.exit(None if fresh else f"stale: {PICTURE.relative_to(ROOT)}; run `make docs`")
    PICTURE.write_text(draw(), "utf-8")
    print(PICTURE.relative_to(ROOT))


if __name__ == "__main__":
    main(sys.argv[1:])
