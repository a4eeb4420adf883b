"""A program that works on a whole study: a segmentation of each of its series.

python ai_studies.py KIND INPUT OUTPUT
"""

import json
import sys
import warnings
from collections import defaultdict
from pathlib import Path

import highdicom as hd
import numpy as np
from pydicom import dcmread
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid

THING = Code("T1", "99TEST", "Thing")


def main(kind, given, out):
    task = json.loads((given / "task.json").read_text())
    series = defaultdict(list)
    for path in sorted(given.glob("*.dcm")):
        series[path.name.partition("#")[0]].append(dcmread(path))
    assert all(each.StudyInstanceUID == task["info"]["uid"] for each, *_ in series.values())
    sys.stdout.write(f"{task['info']['uid_type']} {len(series)}\n")
    for number, images in enumerate(series.values()):
        made = segmentation(images)
        if kind == "names-none":
            del made.ReferencedSeriesSequence
        if kind == "elsewhere":
            for frame in made.PerFrameFunctionalGroupsSequence:
                frame.PlanePositionSequence[0].ImagePositionPatient[2] += 1
        made.save_as(out / f"{number}.dcm")


def segmentation(images):
    mask = np.ones((len(images), images[0].Rows, images[0].Columns), bool)
    described = hd.seg.SegmentDescription(
        segment_number=1,
        segment_label="all",
        segmented_property_category=THING,
        segmented_property_type=THING,
        algorithm_type="MANUAL",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return hd.seg.Segmentation(
            source_images=images,
            pixel_array=mask,
            segmentation_type="BINARY",
            segment_descriptions=[described],
            series_instance_uid=generate_uid(),
            series_number=9,
            sop_instance_uid=generate_uid(),
            instance_number=1,
            manufacturer="x",
            manufacturer_model_name="x",
            software_versions="1",
            device_serial_number="1",
        )


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
