"""Models in containers, run by Podman and by Docker: what they get, what they cannot, their end."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ai_alive import SECONDS, Alive
from ai_archives import Ai, Start
from ai_containers import IMAGE, Containers
from ai_phantom import ct_series
from pydantic import ValidationError
from pydicom import Dataset

from pacs_ai.book import RunRecord, State
from pacs_ai.errors import ModelFailed
from pacs_ai.settings import AiSettings
from pacs_framework.testing.forked import start_module
from pacs_framework.testing.instances import Instances
from pacs_framework.testing.process import ServedArchive, served
from pacs_framework.waking import Waker

HOLD = "exec >/models/alive; echo up; trap '' TERM; while true; do sleep 600; done"


@pytest.fixture(scope="module", params=["podman", "docker"])
def containers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Containers]:
    """An engine that runs containers here; no other test sees the settings that it needs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTAINERS_CONF", os.environ.get("CONTAINERS_CONF", ""))
        if not os.environ["CONTAINERS_CONF"]:
            patch.delenv("CONTAINERS_CONF")
        found = Containers(engine=request.param)
        if why := found.why_not(tmp_path_factory.mktemp("engine")):
            pytest.skip(why)
        yield found


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A folder that a container finds as /models."""
    folder = tmp_path / "weights"
    folder.mkdir()
    return folder


@pytest.fixture
def alive(weights: Path) -> Iterator[Alive]:
    """A pipe that a container holds as long as anything in it lives."""
    made = Alive(weights)
    yield made
    made.close()


Run = Callable[..., tuple[Ai, RunRecord]]


@pytest.fixture
def run(start: Start, containers: Containers) -> Run:
    """Run a shell in a container, or the image as it is configured."""

    def once(text: str = "", images: list[Dataset] | None = None, **more: Any) -> Any:
        told = {key: more.pop(key) for key in ("progress", "canceled") if key in more}
        command = ["/bin/sh", "-c", text] if text else ["/module.sh"]
        model = {"name": "x", "image": IMAGE, "command": command, **more}
        ai, images = start(model, engine=containers.engine), images or ct_series()
        ai.running.take_in(*images)
        uids = str(images[0].StudyInstanceUID), str(images[0].SeriesInstanceUID)
        return ai, ai.inference().run(ai.model("x"), *uids, **told)

    return once


def words_of(record: RunRecord) -> list[str]:
    """Without what Podman says of itself where it has no root and no control groups."""
    lines = filter(None, record.log.split("\n"))
    return [line for line in lines if not line.startswith("Resource limits are not supported")]


def test_a_mercure_module_runs_in_a_container(run: Run, containers: Containers) -> None:
    """By its variables, files and settings; it says how far it is, and what it makes is stored."""
    told: list[float] = []
    ai, record = run(settings={"texts": "by a container"}, progress=told.append)
    assert (record.state, record.reason, record.runner) == (State.DONE, "", "container")
    assert words_of(record) == ['result.json: {"images": 1}']
    (result,) = ai.book.results(record)
    assert result.stored
    assert ai.archive.lookup.count() == 13
    assert told[:1] == [0.5]
    assert containers.left(record.uid) == []


def test_a_container_may_find_nothing(run: Run, containers: Containers) -> None:
    """And says why, as any program does."""
    ai, record = run("echo 'no nodule' >/output/nothing.txt")
    assert (record.state, record.reason) == (State.NOTHING, "no nodule")
    assert ai.archive.lookup.count() == 12
    assert containers.left(record.uid) == []


def test_a_container_can_do_little(
    run: Run, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No network, no file to write but results, no rights, nothing of the archive's environment."""
    monkeypatch.setenv("SECRET_OF_THE_ARCHIVE", "hidden")
    monkeypatch.setenv("HTTP_PROXY", "http://hidden")
    (weights / "net").write_text("weights")
    text = """
ls /sys/class/net; id -u; cat /models/net; echo
for file in /x /input/x /models/x; do (touch $file 2>/dev/null) && echo "$file written"; done
for file in /output/x /work/x /tmp/x; do touch $file && echo "$file written"; done
grep -E 'CapEff|NoNewPrivs|Seccomp:' /proc/self/status
set | grep -i hidden
echo "$MODE $HOME"
"""
    _, record = run(text, weights=str(weights), environment={"MODE": "a 'b' \"c\" $d"})
    assert record.state is State.REFUSED, record.reason  # it made no DICOM file
    assert words_of(record) == [
        "lo",
        str(os.geteuid()),
        "weights",
        "/output/x written",
        "/work/x written",
        "/tmp/x written",
        "CapEff:\t0000000000000000",
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
        "a 'b' \"c\" $d /work",
    ]


def test_what_a_container_leaves_is_the_archives(run: Run) -> None:
    """Files belong to the user of the archive, which can so read and remove them."""
    ai, record = run("touch /output/made; echo text >/output/x.dcm")
    assert record.state is State.REFUSED
    kept = ai.archive.data / "ai/refused" / record.uid
    assert (kept / "output/made").stat().st_uid == os.geteuid()
    assert sorted(path.name for path in kept.iterdir()) == ["log.txt", "output", "reason.txt"]


@pytest.mark.parametrize(
    ("text", "more", "reason"),
    [
        ("echo oh; exit 3", {}, "it ended with exit code 3: oh"),
        ("sh -c 'kill -SEGV $$'; exit $?", {}, "it was killed by SIGSEGV"),
        ("exec sleep 600", {"seconds": 5}, "it took more than 5 s"),
        ("echo >/work/big; exec sh -c 'x=$(tr \"\\0\" a </dev/zero)'", {"memory": "256MiB"}, ""),
    ],
    ids=["exit code", "signal", "time", "memory"],
)
def test_a_container_that_fails_fails_the_run(
    run: Run, containers: Containers, text: str, more: dict[str, Any], reason: str
) -> None:
    """With how it ended and its last words; no container is left of it."""
    _, record = run(text, **more)
    assert (record.state, reason in record.reason) == (State.FAILED, True), record.reason
    assert containers.left(record.uid) == []


def test_a_canceled_run_ends_its_container(
    run: Run, containers: Containers, weights: Path, alive: Alive
) -> None:
    """At once, also one that does not listen to SIGTERM."""
    waker, records = Waker(), []

    def work() -> None:
        records.append(run(HOLD, weights=str(weights), canceled=waker)[1])

    thread = threading.Thread(target=work)
    thread.start()
    alive.wait_for_one()
    assert containers.left()
    waker.ring()
    thread.join(SECONDS)
    assert [record.state for record in records] == [State.CANCELED]
    assert alive.is_over()
    assert containers.left(records[0].uid) == []
    waker.close()


def supervisors(process: int) -> list[int]:
    """Of the runs of a process."""
    found = []
    for task in Path(f"/proc/{process}/task").iterdir():
        found += map(int, (task / "children").read_text().split())
    return found


def only_the_archive(process: int) -> None:
    os.kill(process, signal.SIGKILL)


def only_the_supervisor(process: int) -> None:
    (supervisor,) = supervisors(process)
    os.kill(supervisor, signal.SIGKILL)


def both(process: int) -> None:
    os.kill(process, signal.SIGSTOP)  # or it would see that the other one has gone
    only_the_supervisor(process)
    os.kill(process, signal.SIGKILL)


@pytest.mark.crash
@pytest.mark.parametrize(
    ("kill", "state"),
    [(only_the_archive, "LOST"), (only_the_supervisor, "FAILED"), (both, "LOST")],
    ids=["archive", "supervisor", "both"],
)
def test_nothing_is_left_of_a_container_whose_owner_was_killed(
    tmp_path: Path,
    containers: Containers,
    weights: Path,
    alive: Alive,
    kill: Callable[[int], None],
    state: str,
) -> None:
    """kill -9 of ``pacs ai run``, of what supervises it, and of both: then whoever asks for runs
    next ends it.
    """
    (image, *_) = ct_series()
    with served(tmp_path / "archive", config=config(containers, weights)) as archive:
        done = archive.command("import", Instances().write(image, tmp_path))
        assert done.returncode == 0, done.stderr
        series = str(image.SeriesInstanceUID)
        command = ("ai", "run", "x", "--series", series, "--config", str(archive.config))
        with (
            (tmp_path / "log").open("w") as log,
            start_module(
                "pacs_framework.cli", *command, stderr=log, environment=archive.environment
            ) as process,
        ):
            alive.wait_for_one()
            kill(process.pid)
            process.wait(SECONDS)
        (record,) = runs(archive)
        assert record["state"] == state
        assert alive.is_over()
        assert containers.left(record["uid"]) == []
        assert list((archive.data / "ai/runs").iterdir()) == []


def config(containers: Containers, weights: Path) -> str:
    return f"""
[plugin.ai]
engine = "{containers.engine}"

[[plugin.ai.models]]
name = "x"
version = "1"
image = "{IMAGE}"
command = ["/bin/sh", "-c", "{HOLD}"]
weights = "{weights}"
"""


def runs(archive: ServedArchive) -> list[dict[str, str]]:
    done = archive.run("ai", "runs", "--config", archive.config, "--json")
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, str]] = json.loads(done.stdout)
    return rows


def test_the_digest_is_that_of_the_image(start: Start, containers: Containers) -> None:
    """Of what is in it, not of its name."""
    other = "localhost/pacs-ai-tests:same"
    assert not containers.ask("tag", IMAGE, other).returncode

    def digest(image: str, **more: Any) -> str:
        model = {"name": "x", "image": image, **more}
        return start(model, engine=containers.engine).model("x").runner.digest()

    assert digest(IMAGE) == digest(other)
    assert digest(IMAGE) != digest(IMAGE, command=["/bin/sh"])


def test_an_image_that_is_not_there_makes_no_run(start: Start, containers: Containers) -> None:
    """It is not pulled: that is for people, who look at it."""
    ai = start({"name": "x", "image": "localhost/nobody:has"}, engine=containers.engine)
    images = ct_series()
    ai.running.take_in(*images)
    with pytest.raises(ModelFailed, match="there is no image 'localhost/nobody:has' to run") as no:
        ai.run("x", images)
    assert f"'{containers.engine} pull localhost/nobody:has' as the user" in str(no.value)
    assert ai.book.newest(9) == []


@pytest.mark.parametrize(
    ("engine", "missing"), [("nowhere", "no 'nowhere',"), ("", "no podman or docker,")]
)
def test_without_an_engine_it_says_so(
    start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, engine: str, missing: str
) -> None:
    """And what to do."""
    ai, images = start({"name": "x", "image": "x:1"}, engine=engine), ct_series()
    ai.running.take_in(*images)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ModelFailed, match=f"there is {missing}.* set engine in"):
        ai.run("x", images)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ({"image": "--privileged"}, "match pattern"),
        ({"image": "a:1", "load": "a:b"}, "give one of command, image, load"),
        (
            {"image": "a:1", "gpu": True, "environment": {"CUDA_VISIBLE_DEVICES": "1"}},
            "the archive says which one it has",
        ),
        ({"image": "a:1", "python": "p"}, "python and folder go with load"),
        (
            {
                "kserve": "http://a/v2/models/b",
                "cpus": 2,
                "classes": [{"value": "1", "meaning": "b"}],
            },
            "cpus are for what runs on this machine",
        ),
        ({"image": "a:1", "environment": {"A": "b\nC=d"}}, "cannot be given the variable 'A'"),
        ({"image": "a:1", "environment": {"A B": "c"}}, "cannot be given the variable 'A B'"),
    ],
)
def test_settings_of_containers_that_do_not_fit_are_refused(
    model: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValidationError, match=reason):
        AiSettings.model_validate({"models": [{"name": "x", "version": "1", **model}]})
