"""``pacs routing``: what rules say of a file, what waits, and whether destinations are there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from routing_nodes import Node, until

from pacs_framework.dicom.status import Status
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.forked import run_module
from pacs_framework.testing.instances import make_instance

RULES = """
[[plugin.routing.destination]]
name = "node"
peer = "NODE"
retry_first = 0.1
retry_longest = 0.2

[[plugin.routing.destination]]
name = "disk"
folder = "{folder}"
hours = "20:00-06:00"

[[plugin.routing.rule]]
name = "ct"
when = 'Modality = "CT" and CallingAET matches "CT*" and time between "18:00" and "06:00"'
send_to = "node"
complete = "study"
last = true

[[plugin.routing.rule]]
name = "others"
when = 'Modality != "SR"'
send_to = ["node", "disk"]
"""


def configured(node: Node, folder: Path, rules: str = RULES) -> str:
    """The configuration of an archive with such rules."""
    peer = f'[peers.node]\naet = "NODE"\nhost = "127.0.0.1"\nport = {node.peer["port"]}\n'
    return peer + rules.format(folder=folder)


@pytest.fixture
def config(node: Node, tmp_path: Path) -> Path:
    """A file with these rules; no archive runs."""
    file = tmp_path / "pacs.toml"
    data = f'[archive]\ndata = "{tmp_path / "data"}"\n'
    file.write_text(data + configured(node, tmp_path / "disk"), "utf-8")
    return file


def run(config: Path, *arguments: object, code: int = 0) -> str:
    """What ``pacs routing`` prints, in a process of its own: in this one, nodes print their log."""
    name, *rest = map(str, arguments)
    done = run_module("pacs_framework.cli", "routing", name, "--config", str(config), *rest)
    assert done.returncode == code, done.stderr
    return done.stdout


def saved(folder: Path, **attributes: object) -> Path:
    """A file of an instance."""
    made = make_instance(**attributes)
    file = folder / f"{made.SOPInstanceUID}.dcm"
    made.save_as(file, enforce_file_format=True)
    return file


def test_a_dry_run_says_which_rule_is_true_and_why(config: Path, tmp_path: Path) -> None:
    """Also of rules that are not asked any more; nothing is sent."""
    file = saved(tmp_path)
    asked = (file, "--calling-aet", "CT1", "--at")
    (told,) = json.loads(run(config, "test", "--json", *asked, "2026-11-22T19:30"))
    ct, others = told["rules"]
    assert (ct["fired"], ct["send_to"]) == (True, ["node"])
    assert [each["true"] for each in ct["findings"]] == [True, True, True]
    assert ct["findings"][0] == {
        "comparison": 'Modality = "CT"',
        "found": ["CT"],
        "true": True,
    }
    assert (others["asked"], others["fired"]) == (False, False)
    (told,) = json.loads(run(config, "test", "--json", *asked, "2026-11-22T12:00"))
    ct, others = told["rules"]
    assert [each["true"] for each in ct["findings"]] == [True, True, False]
    assert (ct["fired"], others["fired"], others["send_to"]) == (False, True, ["node", "disk"])
    text = run(config, "test", *asked, "2026-11-22T12:00")
    assert text.splitlines()[:3] == [
        f"{file}: sent to node disk",
        "  ct: not true",
        '    yes  Modality = "CT": found CT',
    ]
    assert json.loads(run(config, "queue", "--json")) == []


def test_a_dry_run_says_what_cannot_be_known(node: Node, tmp_path: Path) -> None:
    """An age that is none: the rule does not fire, and neither would its opposite."""
    rules = RULES.replace('Modality != "SR"', 'PatientAge not between "000D" and "017Y"')
    config = tmp_path / "pacs.toml"
    config.write_text(configured(node, tmp_path / "disk", rules), "utf-8")
    file = saved(tmp_path, Modality="MR", PatientAge="old")
    (told,) = json.loads(run(config, "test", "--json", file))
    _, others = told["rules"]
    assert (others["fired"], others["known"]) == (False, False)
    assert others["findings"][0]["true"] is None
    assert run(config, "test", file).splitlines()[-2:] == [
        "  others: not known to be true: a value cannot be read",
        '    ?    PatientAge not between "000D" and "017Y": found old',
    ]


def test_what_is_no_dicom_file_is_said(config: Path, tmp_path: Path) -> None:
    """With its name, and exit code 1."""
    file = tmp_path / "letter.txt"
    file.write_text("Dear reader", "utf-8")
    run(config, "test", file, code=1)


def test_rules_and_destinations_are_listed(config: Path, tmp_path: Path) -> None:
    """As they are configured; a destination that is not there makes `echo` fail."""
    rules = json.loads(run(config, "list", "--json"))
    assert [(each["name"], each["send_to"], each["complete"]) for each in rules] == [
        ("ct", ["node"], "study"),
        ("others", ["node", "disk"], "instance"),
    ]
    assert "others" in run(config, "list")
    found = json.loads(run(config, "destinations", "--json"))
    assert [(each["destination"], each["waiting"]) for each in found] == [("node", 0), ("disk", 0)]
    assert found[1]["where"] == str(tmp_path / "disk")
    assert "NODE at 127.0.0.1" in run(config, "destinations", "node")
    run(config, "destinations", "nobody", code=1)
    assert json.loads(run(config, "echo", "disk", "--json"))[0]["there"] is True
    (disk,) = json.loads(run(config, "destinations", "disk", "--json"))
    assert (disk["there"], disk["echo"]) == (True, "the folder can be written to")
    assert "the folder can be written to" in run(config, "destinations", "disk")


def figures_of(config: Path) -> dict[str, Any]:
    """What `pacs routing destinations` tells of the node."""
    (found,) = json.loads(run(config, "destinations", "node", "--json"))
    return dict(found)


def test_what_is_refused_is_listed_and_sent_on_demand(
    pacs_archive: Archives, node: Node, tmp_path: Path
) -> None:
    """With the reason; `retry` has it sent again, `send` has all of a study sent anew."""
    served = pacs_archive.served(config=configured(node, tmp_path / "disk"))
    config = served.config
    node.answer = lambda _request: Status.CANNOT_UNDERSTAND
    file = saved(tmp_path)
    assert served.command("import", file).returncode == 0
    queue: list[Any] = []

    def refused() -> bool:
        queue[:] = json.loads(run(config, "queue", "node", "--failed", "--json"))
        return bool(queue)

    until(lambda: bool(node.arrived))
    until(refused)
    (letter,) = queue
    until(lambda: figures_of(config)["refused"] == 1)
    told = figures_of(config)
    assert (told["sent"], told["bytes"]) == (0, 0)
    assert "C000H" in told["last_error"]
    assert (letter["sop_instance_uid"], letter["rule"]) == (file.stem, "others")
    assert "C000H" in letter["error"]
    assert "C000H" in run(config, "queue", "--failed")
    node.answer = lambda _request: Status.SUCCESS
    assert json.loads(run(config, "retry", "node", "--json")) == {"due": 1}
    until(lambda: bool(node.instances))
    node.instances.clear()
    study = letter["study_instance_uid"]
    assert json.loads(run(config, "send", study, "node", "--json")) == {"queued": 1}
    until(lambda: bool(node.instances))
    run(config, "send", "1.2.3", "node", code=1)
    until(lambda: figures_of(config)["sent"] == 2)
    assert figures_of(config)["bytes"] > 0


def test_a_condition_that_cannot_be_meant_stops_the_start(
    pacs_archive: Archives, node: Node, tmp_path: Path
) -> None:
    """With rule, line, column, and what to write."""
    wrong = RULES.replace('Modality != "SR"', 'Modalty != "SR"')
    with pytest.raises(RuntimeError, match="did not start") as failed:
        pacs_archive.served(config=configured(node, tmp_path, wrong))
    text = " ".join(str(failed.value).split())
    assert "rule 'others': line 1, column 1: there is no attribute 'Modalty'" in text
    assert "did you mean 'Modality'?" in text


def test_a_destination_that_nobody_knows_stops_the_start(
    pacs_archive: Archives, node: Node, tmp_path: Path
) -> None:
    """As does an archive without a queue."""
    config = configured(node, tmp_path)
    with pytest.raises(RuntimeError, match=r"no \[peers\.NAME\] has the aet 'OTHER'"):
        pacs_archive.served(config=config.replace('peer = "NODE"', 'peer = "OTHER"'))
    with pytest.raises(RuntimeError, match="install one, such as pacs-jobs"):
        pacs_archive.served(config=f'[plugins]\ndeny = ["jobs"]\n{config}')
