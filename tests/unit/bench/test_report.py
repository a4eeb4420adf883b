"""Report, JSON, plot and page are made of a run, whatever is missing in it."""

from __future__ import annotations

import json
from io import StringIO
from xml.etree import ElementTree as ET

import pytest
from bench.bars import flatness, judge
from bench.plot import ratios_of, svg
from bench.publish import BEGIN, END, publish_run
from bench.report import markdown, number, print_report
from bench.results import Column, Result, Run
from rich.console import Console

SVG = "{http://www.w3.org/2000/svg}"


def printed(run):
    text = StringIO()
    print_report(run, Console(file=text, width=200))
    return text.getvalue()


def without_peers(run):
    """The same run on a machine without any peer."""
    del run.peers["orthanc"]
    for result in run.results:
        del result.columns["orthanc"]
    return run


def test_ratio_above_one_is_in_our_favour_whatever_the_unit(run):
    """More a second, or fewer milliseconds."""
    assert run.result("store-mr-1").ratio("orthanc") == 3.0
    assert run.result("stop").ratio("orthanc") == 0.5
    assert run.result("stop").ratio("storescp") is None


def test_median_and_spread():
    """The spread is the interquartile range over the median, from three samples on."""
    assert Column(samples=[1.0, 2.0, 9.0]).median == 2.0
    assert Column(samples=[90.0, 100.0, 110.0]).spread == pytest.approx(0.1)
    assert Column(samples=[90.0, 100.0]).spread is None
    assert Column().median is None


def test_run_comes_back_from_its_file(run, tmp_path):
    """With every sample."""
    run.save(tmp_path / "new folder" / "run.json")
    assert Run.load(tmp_path / "new folder" / "run.json") == run


def test_file_of_another_format_is_refused(run, tmp_path):
    """Rather than read as something else."""
    path = tmp_path / "run.json"
    run.save(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 0}))
    with pytest.raises(ValueError, match=r"run\.json is not a result file of this version"):
        Run.load(path)


def test_report_says_everything(run):
    """Medians, ratios, bars, notes, settings, and what is missing."""
    text = printed(run)
    for part in (
        "C-STORE small <1> [/s]",
        "3,000 ±2%",
        "3.00 ×",
        "≥ 3 × orthanc",
        "met",
        "≤ 110 ms",
        "missed",
        "stop, orthanc: 0 of 50 got an A-ABORT",
        "storescp is missing: Debian package dcmtk is not installed",
        "orthanc: 1.0; by default. none",
        "2 cores",
    ):
        assert part in text, part


def test_report_without_peers_has_our_column(run):
    """And says what is missing; there are no ratios to tell."""
    text = printed(without_peers(run))
    assert "3,000 ±2%" in text
    assert "is missing" in text
    assert "× orthanc" not in text


def test_busy_client_is_told(run):
    """A figure that the client limits must not pass for the peer's."""
    run.results[0].columns["orthanc"].client_share = 0.9
    assert "store-mr-1, orthanc: the client was busy for 90% of the time" in printed(run)


def test_bars_are_held_against_medians(run):
    """Those of rows that were not measured say nothing."""
    verdicts = {(v.bar.row, v.text): v for v in judge(run)}
    assert {key: v.met for key, v in verdicts.items()} == {
        ("store-mr-1", "≥ 3 × orthanc"): True,
        ("stop", "≤ 110 ms"): False,
    }


def with_nodes(run, *, cores):
    """The same run on so many cores, with two nodes that reach twice what one does."""
    columns = {"ours-pg": Column(samples=[100.0]), "ours-nodes": Column(samples=[200.0])}
    run.results.append(Result("nodes-ct-16", "nodes", "/s", True, "peers", columns))
    run.machine["cores"] = cores
    return run


def test_bar_that_wants_more_cores_is_neither_met_nor_missed(run):
    """However good the figure: it is told as what it is, and counted with neither."""
    [_, verdict, _] = judge(with_nodes(run, cores=2))
    assert (verdict.bar.row, verdict.value, verdict.met) == ("nodes-ct-16", 2.0, False)
    assert verdict.not_judged == "4 cores are needed, 2 are here"
    for text in (printed(run), markdown(run)):
        assert "not judged: 4 cores are needed, 2 are here" in text
        assert "1 of 2 bars met, 1 not judged" in text


def test_bar_is_judged_on_as_many_cores_as_it_wants(run):
    """And then counts."""
    [_, verdict, _] = judge(with_nodes(run, cores=4))
    assert (verdict.met, verdict.not_judged) == (True, "")
    assert "2 of 3 bars met" in printed(run)
    assert "not judged" not in printed(run)


def test_ceiling_is_told_beside_its_bar_and_excuses_nothing(run):
    """What no archive could beat may lie below the bar: that is missed all the same."""
    columns = {
        "ours": Column(samples=[100.0]),
        "ours-s3": Column(samples=[30.0]),
        "s3-puts": Column(samples=[45.0]),
    }
    run.results.append(Result("s3-ct-16", "S3", "/s", True, "peers", columns))
    [_, verdict, _] = judge(run)
    assert verdict.text == "≥ 0.5 × ours, ours-s3 (s3-puts alone: 0.45 ×)"
    assert (verdict.value, verdict.met, verdict.not_judged) == (0.3, False, "")


def test_flatness_is_the_largest_over_the_smallest_size(run):
    """For one engine at a time."""
    columns = {
        "ours-3k": Column(samples=[2.0]),
        "ours-120k": Column(samples=[3.0]),
        "ours-1.3M": Column(samples=[2.5]),
        "ours-pg-3k": Column(samples=[9.0]),
        "orthanc-3k": Column(samples=[9.0]),
    }
    run.results.append(Result("find-series", "t", "ms", False, "find", columns))
    assert flatness(run, "find-series", "ours-") == 1.5
    assert flatness(run, "find-series", "ours-pg-") is None


def test_plot_has_a_bar_for_each_ratio(run):
    """Titles are text, not markup."""
    drawn = ET.fromstring(svg(run))
    texts = [each.text for each in drawn.iter(f"{SVG}text")]
    assert "C-STORE small <1>" in texts
    assert "3 ×" in texts
    background_and_legend = 2
    assert len(list(drawn.iter(f"{SVG}rect"))) == background_and_legend + 2
    assert ratios_of(run)[1] == ("stop", {"orthanc": 0.5})


def test_plot_without_peers_is_empty(run):
    """But it is a picture."""
    drawn = ET.fromstring(svg(without_peers(run)))
    assert len(list(drawn.iter(f"{SVG}rect"))) == 1


def test_tables_of_the_page_are_even(run):
    """Every line of a table has as many cells as its head."""
    tables = [part for part in markdown(run).split("\n\n") if part.startswith("|")]
    assert len(tables) == 2
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1, table


def test_page_is_written_between_its_markers(run, tmp_path):
    """Again and again, and nothing else changes."""
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    publish_run(run, tmp_path)
    once = page.read_text()
    publish_run(run, tmp_path)
    assert page.read_text() == once
    assert once.startswith(f"before\n{BEGIN}")
    assert once.endswith(f"{END}\nafter\n")
    assert "old" not in once
    assert Run.load(tmp_path / "performance.json") == run
    assert (tmp_path / "performance.svg").read_text().startswith("<svg")


def test_page_without_markers_is_left_alone(run, tmp_path):
    """And the error says what to add."""
    (tmp_path / "performance.md").write_text("no place")
    with pytest.raises(ValueError, match="has no place for a run"):
        publish_run(run, tmp_path)
    assert not (tmp_path / "performance.svg").exists()


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (0.123, "0.12"), (12.34, "12.3"), (12345.6, "12,346")]
)
def test_number_has_three_digits_that_count(value, text):
    assert number(value) == text
