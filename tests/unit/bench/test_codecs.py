"""Codecs are measured beside libraries and tools, and one that fails says why."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from bench.rows import codecs
from bench.rows.codecs import PYDICOM, PYLIBJPEG, measure_codecs

from pacs_framework.codecs.pixels import PixelFormat


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """A sample is a call or two; files of the tools have two frames."""
    monkeypatch.setattr(codecs, "_QUICK_SECONDS", 0.0001)
    monkeypatch.setattr(codecs, "_QUICK_REPEATS", 1)
    monkeypatch.setattr(codecs, "_TOOL_FRAMES", 2)


def measured(folder: Path, *names: str):
    return list(measure_codecs(names, quick=True, scratch=folder, say=lambda _: None))


def test_each_row_that_is_wanted_is_measured(tmp_path):
    """The first provider, the next one, pydicom, and the tools that are there."""
    decode, encode = measured(tmp_path, "encode-rle", "decode-rle")
    assert (decode.name, encode.name) == ("decode-rle", "encode-rle")
    for result in (decode, encode):
        assert {"ours", "next", PYDICOM} <= set(result.columns)
        for name, column in result.columns.items():
            assert len(column.samples) == 1, (name, column.note)
            assert column.samples[0] > 0


def test_pydicom_is_measured_without_gdcm_too_where_it_would_ask_it_first(tmp_path):
    """As those have it who do not install python-gdcm."""
    (result,) = measured(tmp_path, "decode-jpeg-ls")
    assert result.columns[PYLIBJPEG].samples
    assert result.columns[PYLIBJPEG].note == "pydicom with pyjpegls"
    (other,) = measured(tmp_path, "decode-rle")  # GDCM is not asked for it
    assert PYLIBJPEG not in other.columns


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="cores are chosen on Linux only")
def test_a_row_is_tied_to_one_core_and_gives_the_others_back(tmp_path, monkeypatch):
    cores, before = [], os.sched_getaffinity(0)
    clock = codecs._processor_seconds

    def noted():
        cores.append(len(os.sched_getaffinity(0)))
        return clock()

    monkeypatch.setattr(codecs, "_processor_seconds", noted)
    measured(tmp_path, "decode-rle")
    assert set(cores) == {1}
    assert os.sched_getaffinity(0) == before


def test_a_contender_that_fails_is_left_out_and_says_why(tmp_path, monkeypatch):
    tools = {"rle": ("false", "gdcmconv-that-nobody-has")}
    monkeypatch.setattr(codecs, "_DECODING_TOOLS", tools)
    (result,) = measured(tmp_path, "decode-rle")
    assert result.columns["dcmtk"].samples == []
    assert "failed: ValueError" in result.columns["dcmtk"].note
    assert "gdcm" not in result.columns


def test_the_phantom_uses_the_range_and_stays_in_it():
    pixels = PixelFormat(rows=64, columns=64, bits_allocated=16, bits_stored=12)
    image = codecs.phantom(pixels)
    samples = memoryview(image).cast("H")
    assert len(image) == pixels.frame_bytes
    assert min(samples) < 100
    assert 2000 < max(samples) < 4096
