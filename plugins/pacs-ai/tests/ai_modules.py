"""Programs of others in short: a mercure module, a MONAI application, one that may find nothing.

python ai_modules.py KIND [REASON]
"""

import json
import os
import sys
from pathlib import Path

from pydicom import dcmread
from pydicom.uid import generate_uid


def mercure():
    """As mercure's modules do: by file names of SERIES#INSTANCE, and settings of the task.

    They change the data set of an image, and leave its header as it was.
    """
    given, out = Path(os.environ["MERCURE_IN_DIR"]), Path(os.environ["MERCURE_OUT_DIR"])
    task = json.loads((given / "task.json").read_text())
    settings = task["process"]["settings"]
    series, made = {}, 0
    for entry in os.scandir(given):
        if entry.name.endswith(".dcm") and not entry.is_dir():
            series.setdefault(entry.name.split("#", 1)[0], []).append(entry.path)
    for uid, paths in series.items():
        assert uid == task["info"]["uid"]
        new = generate_uid()
        for number, path in enumerate(sorted(paths)[: settings["most"]]):
            image = dcmread(path)
            assert task["info"]["mrn"] == image.PatientID
            image.SOPInstanceUID, image.SeriesInstanceUID = generate_uid(), new
            image.SeriesDescription = settings["texts"][0]["description"]
            image.save_as(out / f"{uid}#{number}.dcm")
            made += 1
    result = {"images": made, "of": task["info"]["acc"]}
    (out / "result.json").write_text(json.dumps(result))


def monai():
    """As an application of MONAI does: anything below its folders."""
    given = sorted(Path(os.environ["HOLOSCAN_INPUT_PATH"]).rglob("*.dcm"))
    out = Path(os.environ["HOLOSCAN_OUTPUT_PATH"])
    assert os.environ["MONAI_INPUTPATH"] == os.environ["HOLOSCAN_INPUT_PATH"]
    weights = Path(os.environ["HOLOSCAN_MODEL_PATH"])
    (out / "sub").mkdir()
    image = derived(dcmread(given[0]), generate_uid())
    image.SeriesDescription = (weights / "model.ts").read_text()
    image.save_as(out / "sub/made.dcm")
    sys.stdout.write("scale: 1/1\n")


def nothing():
    """Found, for the reason that is given; with none, a copy of an image is made."""
    given, out = Path(os.environ["MERCURE_IN_DIR"]), Path(os.environ["MERCURE_OUT_DIR"])
    if reason := sys.argv[2]:
        (out / "nothing.txt").write_text(reason)
    else:
        made = derived(dcmread(min(given.glob("*.dcm"))), generate_uid())
        made.save_as(out / "made.dcm")


def derived(image, series):
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    image.SeriesInstanceUID = series
    image.ImageType = ["DERIVED", "SECONDARY"]
    return image


if __name__ == "__main__":
    {"mercure": mercure, "monai": monai, "nothing": nothing}[sys.argv[1]]()
