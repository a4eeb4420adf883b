"""The picture of the architecture shows the imports as they are, and the walls of the house."""

from __future__ import annotations

import importlib.util
import re
from types import ModuleType
from xml.etree import ElementTree as ET

import pytest
from doc_pages import ROOT
from doc_tools import tool

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def walls() -> ModuleType:
    """tests/unit/test_architecture.py, which reads the imports in its own way."""
    path = ROOT / "tests/unit/test_architecture.py"
    spec = importlib.util.spec_from_file_location("test_architecture_for_the_picture", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def drawn() -> ET.Element:
    return ET.fromstring(tool("picture").PICTURE.read_text("utf-8"))


def known(walls: ModuleType) -> set[tuple[str, str]]:
    """Who imports whom in the kernel, as the test of the walls reads it."""
    return {
        (room, walls.room_of(module))
        for room, file in walls.kernel_files()
        for module in walls.imports(file)
        if module.startswith("pacs_framework.") and walls.room_of(module) != room
    }


def arrows() -> set[tuple[str, str]]:
    titles = [title.text or "" for title in drawn().iter(f"{SVG}title")]
    found = [re.fullmatch(r"(\S+) knows (\S+)", title) for title in titles]
    return {(each[1], each[2]) for each in found if each}


def test_the_picture_is_what_the_code_says() -> None:
    """`make docs` draws it anew."""
    picture = tool("picture")
    assert picture.PICTURE.read_text("utf-8") == picture.draw()


def test_every_room_and_every_plugin_is_drawn(walls: ModuleType) -> None:
    words = {text.text for text in drawn().iter(f"{SVG}text")}
    rooms = {room for room, _ in walls.kernel_files()} - {"__init__"}
    assert rooms <= words
    plugins = {tool("picture")._short(path.name) for path in walls.PLUGINS}
    assert plugins <= words


def test_every_arrow_is_an_import_and_every_import_of_a_room_an_arrow(walls: ModuleType) -> None:
    """But for those of ``errors``, ``folders`` and what is above the rooms, as the legend says."""
    everybody_knows = {"errors", "folders"}
    placed = {box.name for box in tool("picture")._PLACES} - everybody_knows
    wanted = {(a, b) for a, b in known(walls) if a in placed and b not in everybody_knows}
    assert {(a, b) for a, b in arrows() if a in placed} == wanted


def test_no_arrow_crosses_a_wall(walls: ModuleType) -> None:
    """``network`` knows no archive, the ground floor nobody above."""
    for room, other in arrows():
        if room in walls.MAY_KNOW:
            allowed = {name.split(".")[0] for name in walls.MAY_KNOW[room]}
            assert other in allowed, f"{room} knows {other}"
    assert ("network", "archive") not in arrows()
    assert len(arrows()) > 12


def test_boxes_do_not_overlap_and_nothing_leaves_the_paper() -> None:
    picture = tool("picture")
    boxes = [
        *picture._PLACES,
        *picture._land(picture.distributions()),
        *picture._over(picture.roof(picture.rooms())),
    ]
    for number, one in enumerate(boxes):
        assert one.x >= 24
        assert one.x + one.width <= 976
        for other in boxes[number + 1 :]:
            beside = one.x + one.width <= other.x or other.x + other.width <= one.x
            above = one.y + one.height <= other.y or other.y + other.height <= one.y
            assert beside or above, f"{one.name} and {other.name}"


def test_many_plugins_take_a_second_row() -> None:
    """The plugins of years to come have room."""
    picture = tool("picture")
    many = {f"pacs-plugin-number-{n}": {"archive"} for n in range(12)}
    rows = {box.y for box in picture._land(many)}
    assert len(rows) == 3
    assert all(box.x + box.width <= 790 for box in picture._land(many))


def test_it_has_colours_for_light_and_dark() -> None:
    assert "@media (prefers-color-scheme: dark)" in tool("picture").draw()
