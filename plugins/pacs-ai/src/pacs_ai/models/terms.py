"""Codes that these models use (PS3.16 CID 7150, 7151, 7464, 7461; UCUM)."""

from __future__ import annotations

from pacs_ai.api import Code

__all__ = [
    "ANATOMICAL_STRUCTURE",
    "ATTENUATION",
    "BODY",
    "HOUNSFIELD",
    "LEFT_LUNG",
    "LUNGS",
    "MAXIMUM",
    "MEAN",
    "MILLILITRE",
    "MINIMUM",
    "RIGHT_LUNG",
    "STANDARD_DEVIATION",
    "VOLUME",
]

ANATOMICAL_STRUCTURE = Code(value="123037004", scheme="SCT", meaning="Anatomical Structure")
BODY = Code(value="38266002", scheme="SCT", meaning="Entire body as a whole")
LUNGS = Code(value="39607008", scheme="SCT", meaning="Lung")
LEFT_LUNG = Code(value="44029006", scheme="SCT", meaning="Left lung")
RIGHT_LUNG = Code(value="3341006", scheme="SCT", meaning="Right lung")

ATTENUATION = Code(value="112031", scheme="DCM", meaning="Attenuation Coefficient")
VOLUME = Code(value="118565006", scheme="SCT", meaning="Volume")
MEAN = Code(value="373098007", scheme="SCT", meaning="Mean")
STANDARD_DEVIATION = Code(value="386136009", scheme="SCT", meaning="Standard Deviation")
MINIMUM = Code(value="255605001", scheme="SCT", meaning="Minimum")
MAXIMUM = Code(value="56851009", scheme="SCT", meaning="Maximum")

HOUNSFIELD = Code(value="[hnsf'U]", scheme="UCUM", meaning="Hounsfield unit")
MILLILITRE = Code(value="ml", scheme="UCUM", meaning="ml")
