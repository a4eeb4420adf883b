"""GPUs: which one a run has, that it has it for itself, and what is said where there is none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from ai_archives import HERE, Start
from ai_containers import IMAGE, Containers
from ai_phantom import ct_series
from pydantic import ValidationError

from pacs_ai.book import State
from pacs_ai.errors import ModelCanceled, NoGpu
from pacs_ai.inference import Inference
from pacs_ai.keeping import new_workers
from pacs_ai.running import gpus as module
from pacs_ai.running.gpus import VISIBLE, Gpus
from pacs_ai.settings import AiSettings
from pacs_framework.waking import Waker

NET = 60  # seconds, against tests that never end


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A machine with these device nodes."""
    devices = tmp_path / "dev"
    devices.mkdir()
    for other in ("null", "nvidiactl", "nvidia-uvm", "nvidia-modeset"):
        (devices / other).touch()
    monkeypatch.setattr(module, "_DEVICES", devices)

    def has(*numbers: int) -> None:
        for number in numbers:
            (devices / f"nvidia{number}").touch()

    return has


@pytest.fixture
def gpus(tmp_path: Path) -> Callable[..., Gpus]:
    return lambda *names, **more: Gpus(folder=tmp_path / "gpus", names=names, **more)


@contextmanager
def waiting(gpus: Gpus, canceled: Waker | None = None) -> Iterator[list[str]]:
    """Somebody who wants one in another thread; what they got, when this is over."""
    got: list[str] = []

    def want() -> None:
        try:
            with gpus.environment(wanted=True, canceled=canceled) as environment:
                got.append(environment[VISIBLE])
        except ModelCanceled as error:
            got.append(str(error))

    thread = threading.Thread(target=want)
    thread.start()
    try:
        yield got
    finally:
        thread.join(NET)
        assert not thread.is_alive()


@pytest.fixture(autouse=True)
def _nobody_waits() -> Iterator[None]:
    """Those who wanted a lock that was not needed have it, and gave it back."""
    yield
    for thread in threading.enumerate():
        if thread.name == "ai-gpu":
            thread.join(NET)
            assert not thread.is_alive()


def test_all_that_there_are_are_used(
    machine: Callable[..., None], gpus: Callable[..., Gpus]
) -> None:
    """Each by one run, in their order; control devices are none."""
    machine(1, 0, 10)
    assert gpus().there() == ["0", "1", "10"]
    with ExitStack() as held:
        got = [held.enter_context(gpus().environment(wanted=True)) for _ in range(3)]
    assert [each[VISIBLE] for each in got] == ["0", "1", "10"]
    assert {each["CUDA_DEVICE_ORDER"] for each in got} == {"PCI_BUS_ID"}


def test_the_site_says_which(machine: Callable[..., None], gpus: Callable[..., Gpus]) -> None:
    """In its order; of those that are named by a UUID there is no node to look for."""
    machine(0, 1)
    assert gpus("1", "7").there() == ["1"]
    assert gpus("GPU-4f1c", "0").there() == ["GPU-4f1c", "0"]


def test_a_second_run_waits_for_the_first(
    machine: Callable[..., None], gpus: Callable[..., Gpus]
) -> None:
    """And goes on when that is over, whichever of several was freed."""
    machine(0, 1)
    with gpus().environment(wanted=True) as first, ExitStack() as second:
        assert second.enter_context(gpus().environment(wanted=True))[VISIBLE] == "1"
        with waiting(gpus()) as got:
            _until_somebody_waits(2)
            assert got == []
            second.close()
        assert got == ["1"]
        assert first[VISIBLE] == "0"


def _until_somebody_waits(threads: int) -> None:
    """For the locks of so many, as the system lists them."""
    turn = threading.Event()
    for _ in range(NET * 50):
        lines = Path("/proc/locks").read_text("ascii").splitlines()
        ours = [line for line in lines if "-> FLOCK" in line and f" {os.getpid()} " in line]
        if len(ours) >= threads:
            return
        turn.wait(0.02)
    raise AssertionError("nobody waits for a lock")


def test_some_runs_share_one(machine: Callable[..., None], gpus: Callable[..., Gpus]) -> None:
    """As many as the site says; the first of each GPU comes before the second of any."""
    machine(0, 1)
    with ExitStack() as held:
        got = [held.enter_context(gpus(runs=2).environment(wanted=True))[VISIBLE] for _ in range(4)]
    assert got == ["0", "1", "0", "1"]


def test_who_waits_may_be_canceled(machine: Callable[..., None], gpus: Callable[..., Gpus]) -> None:
    """The GPU is free afterwards."""
    machine(0)
    with closing(Waker()) as canceled, gpus().environment(wanted=True):
        with waiting(gpus(), canceled) as got:
            _until_somebody_waits(1)
            canceled.ring()
        assert got == ["it was canceled while it waited for a GPU"]
    with gpus().environment(wanted=True) as environment:
        assert environment[VISIBLE] == "0"


def test_a_killed_process_gives_it_back(
    machine: Callable[..., None], gpus: Callable[..., Gpus], tmp_path: Path
) -> None:
    """kill -9, while another process waits for it."""
    machine(0)
    holder = (
        "import fcntl, os, sys\n"
        "fcntl.flock(os.open(sys.argv[1], os.O_RDWR | os.O_CREAT), fcntl.LOCK_EX)\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    (tmp_path / "gpus").mkdir()
    command = [sys.executable, "-c", holder, str(tmp_path / "gpus" / "0.0")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with waiting(gpus()) as got:
            _until_somebody_waits(1)
            process.kill()
        assert got == ["0"]


@pytest.mark.parametrize(
    ("numbers", "names", "words"),
    [
        ((), (), "this machine has none for it: of /dev/nvidia0 and so on there is none"),
        ((0,), ("2",), r"none for it \(gpus = \['2'\]\): .* there is /dev/nvidia0"),
        ((), ("GPU-1",), r"none for it \(gpus = \['GPU-1'\]\)"),
    ],
)
def test_without_one_it_is_refused(
    machine: Callable[..., None],
    gpus: Callable[..., Gpus],
    numbers: tuple[int, ...],
    names: tuple[str, ...],
    words: str,
) -> None:
    machine(*numbers)
    with pytest.raises(NoGpu, match=words), gpus(*names).environment(wanted=True):
        raise AssertionError


def _model(**more: Any) -> dict[str, Any]:
    load = {"name": "sees", "load": "ai_gpu_models:Sees", "folder": str(HERE), "network": True}
    return {**load, **more}


@pytest.mark.parametrize(
    ("gpu", "own", "seen"),
    [
        (True, {}, "'0'"),
        (True, {"gpus": ["1"]}, "'1'"),
        (False, {"gpus": ["0", "1"]}, "''"),
        (False, {}, "None"),
    ],
)
def test_a_model_sees_what_it_may_use(
    machine: Callable[..., None], start: Start, gpu: bool, own: dict[str, Any], seen: str
) -> None:
    """From the moment on that it is loaded, also in a worker that is kept."""
    machine(0, 1)
    ai = start(_model(gpu=gpu), **own)
    images = ct_series()
    ai.running.take_in(*images)
    with closing(new_workers(ai.archive, ai.settings)) as workers:
        inference = Inference.configured(ai.archive, ai.settings, workers=workers)
        uids = str(images[0].StudyInstanceUID), str(images[0].SeriesInstanceUID)
        for _ in range(2):
            record = inference.run(ai.model("sees"), *uids)
            assert (record.state, record.reason) == (State.DONE, "")
            assert f"loaded with {seen}, ran with {seen}" in record.log


def test_a_run_without_a_gpu_fails_before_it_begins(
    machine: Callable[..., None], start: Start
) -> None:
    """It says what is missing, and where to look."""
    machine()
    ai = start(_model(gpu=True))
    images = ct_series()
    ai.running.take_in(*images)
    record = ai.run("sees", images)
    assert (record.state, record.log) == (State.FAILED, "")
    assert record.reason.startswith("it wants a GPU, and this machine has none for it")
    assert "nvidia-smi" in record.reason


def test_a_program_sees_its_gpu(machine: Callable[..., None], start: Start, tmp_path: Path) -> None:
    """By the variable that libraries of CUDA read."""
    machine(0, 1)
    script = tmp_path / "program.sh"
    script.write_text('#!/bin/sh\necho "sees $CUDA_VISIBLE_DEVICES by $CUDA_DEVICE_ORDER"\n')
    script.chmod(0o755)
    named = {"name": "program", "command": [str(script)], "gpu": True, "network": True}
    ai = start(named, gpus=["1"])
    images = ct_series()
    ai.running.take_in(*images)
    record = ai.run("program", images)
    assert "sees 1 by PCI_BUS_ID" in record.log


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"gpus": ["0", "0"]}, "different numbers or UUIDs"),
        ({"gpus": ["first"]}, "different numbers or UUIDs"),
        (
            {
                "models": [
                    {
                        "name": "x",
                        "version": "1",
                        "kserve": "http://x/v2/models/x",
                        "classes": [{"value": "1", "meaning": "x"}],
                        "gpu": True,
                    }
                ]
            },
            "gpu is for command, image and load",
        ),
        (
            {
                "models": [
                    {
                        "name": "x",
                        "version": "1",
                        "load": "x:X",
                        "gpu": True,
                        "environment": {"CUDA_VISIBLE_DEVICES": "0"},
                    }
                ]
            },
            "leave CUDA_VISIBLE_DEVICES out",
        ),
    ],
)
def test_settings_that_make_no_sense_stop_the_start(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        AiSettings.model_validate(settings)


# --- containers -----------------------------------------------------------------------------------


_ENGINE = """#!/bin/sh
# In place of an engine: it writes down what it is told to run, and with which variables.
case "$1" in
image) echo sha256:1 ;;
run)
    printf '%s\\n' "$@" >"{record}"
    for option in "$@"; do
        case "$option" in --env-file=*) cat "${option#*=}" >"{record}.variables" ;; esac
    done
    ;;
esac
"""


@pytest.mark.parametrize(
    ("engine", "gpu", "own", "options", "hidden"),
    [
        ("podman", True, {}, ["--device=nvidia.com/gpu=0"], False),
        ("podman", True, {"gpus": ["GPU-4f1c"]}, ["--device=nvidia.com/gpu=GPU-4f1c"], False),
        ("docker", True, {"gpus": ["1"]}, ["--gpus=device=1"], False),
        ("docker", False, {"gpus": ["1"]}, [], True),
        ("podman", False, {}, [], True),
    ],
)
def test_a_container_gets_one_as_a_device_or_none(
    machine: Callable[..., None],
    start: Start,
    tmp_path: Path,
    engine: str,
    gpu: bool,
    own: dict[str, Any],
    options: list[str],
    hidden: bool,
) -> None:
    """What CUDA is to see is not said: in the container the numbers are others."""
    machine(0, 1)
    record, program = tmp_path / "record", tmp_path / engine
    program.write_text(_ENGINE.replace("{record}", str(record)))
    program.chmod(0o755)
    ai, images = (
        start({"name": "x", "image": "a:1", "gpu": gpu}, engine=str(program), **own),
        ct_series(),
    )
    ai.running.take_in(*images)
    assert ai.run("x", images).state is State.REFUSED  # it made nothing
    told = record.read_text().split()
    assert [each for each in told if each.startswith(("--device", "--gpus"))] == options
    assert told[told.index("a:1") - 1].startswith("--")
    variables = Path(f"{record}.variables").read_text().split()
    assert ("NVIDIA_VISIBLE_DEVICES=void" in variables) is hidden
    assert not any(each.startswith("CUDA_VISIBLE_DEVICES") for each in variables)


_CDI = Path("/run/cdi")
_DEVICE = "GPU-pacs-ai-tests"


@pytest.fixture
def cdi_device() -> Iterator[str]:
    """A device that is only a variable: where Podman finds it, it has read its specification."""
    specification = {
        "cdiVersion": "0.5.0",
        "kind": "nvidia.com/gpu",
        "devices": [{"name": _DEVICE, "containerEdits": {"env": ["HAS_GPU=by-cdi"]}}],
    }
    try:
        _CDI.mkdir(exist_ok=True)
        file = _CDI / f"{_DEVICE}-{os.getpid()}.json"
        file.write_text(json.dumps(specification))
    except OSError as error:
        pytest.skip(f"no specification of a device can be written: {error}")
    yield _DEVICE
    file.unlink()
    with suppress(OSError):  # it is not ours, or was there before
        _CDI.rmdir()


def test_podman_gives_a_container_the_device(
    machine: Callable[..., None],
    start: Start,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cdi_device: str,
) -> None:
    """By what stands in the specification; a device that has none fails the run, and is named."""
    monkeypatch.setenv("CONTAINERS_CONF", os.environ.get("CONTAINERS_CONF", ""))
    if not os.environ["CONTAINERS_CONF"]:
        monkeypatch.delenv("CONTAINERS_CONF")
    if why := Containers(engine="podman").why_not(tmp_path):
        pytest.skip(why)
    machine(0)
    model = {"name": "x", "image": IMAGE, "command": ["/bin/sh", "-c", "echo $HAS_GPU"]}
    ai, images = start({**model, "gpu": True}, engine="podman", gpus=[cdi_device]), ct_series()
    ai.running.take_in(*images)
    record = ai.run("x", images)
    assert (record.state, "by-cdi" in record.log.split()) == (State.REFUSED, True), record.reason
    other = start({**model, "gpu": True}, engine="podman", gpus=["GPU-nobody-has"])
    other.running.take_in(*images)
    record = other.run("x", images)
    assert record.state is State.FAILED
    assert "nvidia.com/gpu=GPU-nobody-has" in record.reason
