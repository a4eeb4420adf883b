"""The bench is no installed package: it lies at the root of the repository."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from bench.results import Column, Result, Run  # noqa: E402 - the path comes first


@pytest.fixture
def run() -> Run:
    """A run with two peers, a row of each direction, and a missing peer."""
    facts = {"title": "T", "version": "1.0", "settings": "by default", "durability": "none"}
    return Run(
        started="2026-01-02T03:04:05+00:00",
        quick=True,
        machine={
            "processor": "A processor",
            "cores": 2,
            "memory_gb": 25.3,
            "kernel": "6.1",
            "system": "Debian",
            "file_system": "ext2/ext3",
        },
        peers={"ours": facts, "orthanc": facts},
        missing={"storescp": "Debian package dcmtk is not installed"},
        results=[
            Result(
                name="store-mr-1",
                title="C-STORE small <1>",
                unit="/s",
                higher_is_better=True,
                columns={
                    "ours": Column(samples=[2900.0, 3000.0, 3100.0]),
                    "orthanc": Column(samples=[1000.0, 1000.0, 1000.0]),
                },
            ),
            Result(
                name="stop",
                title="stop",
                unit="ms",
                higher_is_better=False,
                columns={
                    "ours": Column(samples=[200.0]),
                    "orthanc": Column(samples=[100.0], note="0 of 50 got an A-ABORT"),
                },
            ),
        ],
    )
