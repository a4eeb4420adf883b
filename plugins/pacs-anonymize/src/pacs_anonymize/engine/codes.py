"""Coded entries (PS3.3 Table 8.8-1) in what is cleaned: codes of public schemes stay.

A public scheme says what its codes mean, so nobody can be named by one; its meaning is text, and is
cleaned as text. A private scheme (99…) may code the staff of a hospital.
"""

from __future__ import annotations

import re

__all__ = ["UNKNOWN_SCHEME", "is_public_code", "is_public_scheme"]

UNKNOWN_SCHEME = "99REMOVED"

_PUBLIC = frozenset(
    (  # PS3.16 Table 8-1
        *("ACR", "ASTM-sigpurpose", "BARI", "BI", "C4", "C5", "CD2", "CTV3", "DC", "DCM", "DCMUID"),
        *("FDATrackingMAC", "FMA", "HCPCS", "HPC", "I10", "I10P", "I11", "I9", "I9C", "IBSI"),
        *("IEEE11073", "ITIS_TSN", "LN", "MA", "MDC", "MDNS", "MGI", "MSH", "NCDR", "NCIt", "NDC"),
        *("NEU", "NICIP", "NYUMCCG", "PATHLEX", "POS", "RADELEMENT", "RADLEX", "RFC3066", "RO"),
        *("SCT", "SNM3", "SRT", "UBERON", "UCUM", "UMLS", "UNS", "UPC", "99SDM"),
    )
)
_is_code = re.compile(r"[A-Za-z0-9.\-\[\]{}()/^*%_:+']{1,64}").fullmatch


def is_public_scheme(designator: str) -> bool:
    """Whether a Coding Scheme Designator (0008,0102) is one that PS3.16 registers."""
    return designator in _PUBLIC


def is_public_code(designator: str, value: str) -> bool:
    """Whether a code value stands in such a scheme, as far as its letters tell."""
    return is_public_scheme(designator) and _is_code(value) is not None
