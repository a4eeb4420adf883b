"""Commands within limits: what they may take, and that nothing of them is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ai_alive import SECONDS, Alive

from pacs_ai.errors import ModelCanceled, ModelFailed
from pacs_ai.running import supervise
from pacs_ai.running.process import Limits, run_limited
from pacs_ai.running.said import Said
from pacs_framework.waking import Waker

FREE = Limits(seconds=SECONDS, network=True)


def shell(folder: Path, text: str, limits: Limits = FREE, **more: Any) -> Said:
    said = more.pop("said", None) or Said()
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}  # else Python adds LC_CTYPE
    run_limited(
        ("sh", "-c", text), folder=folder, environment=environment, limits=limits, said=said, **more
    )
    return said


@pytest.fixture
def alive(tmp_path: Path) -> Any:
    made = Alive(tmp_path)
    yield made
    made.close()


def test_what_it_says_is_kept(tmp_path: Path) -> None:
    """Both ways out, as printable text, the last of it where it is much."""
    said = shell(tmp_path, r"echo one; printf 'two\033[1m\000\377\n' >&2")
    assert said.text == "one\ntwo\\x1b[1m\\x00\\xff"
    short = Said(8)
    shell(tmp_path, "echo 0123456789", said=short)
    assert short.text == "[3 bytes before]\n3456789"


def test_it_runs_where_it_is_told(tmp_path: Path) -> None:
    """In its folder, with the environment that it is given, and nothing to read."""
    said = shell(tmp_path, "pwd; env | cut -d= -f1 | sort; cat; echo end")
    assert said.text.splitlines() == [str(tmp_path), "LC_ALL", "PATH", "PWD", "end"]


def test_progress_comes_by_a_pipe(tmp_path: Path) -> None:
    """Lines from 0 to 1; whatever else is written there is passed over."""
    told: list[float] = []
    text = "for line in 0.25 rubbish nan 7; do echo $line >pipe; cat /proc/self/stat >&2; done"
    pipe = Waker(tmp_path / "pipe")
    shell(tmp_path, text, progress=told.append, reader=pipe.descriptor)
    pipe.close()
    assert set(told) <= {0.25, 1.0}
    assert told[-1] == 1.0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("exit 3", "it ended with exit code 3"),
        ("echo why; exit 4", "it ended with exit code 4: why"),
        ("kill -SEGV $$", "it was killed by SIGSEGV"),
    ],
)
def test_how_it_ended_is_told(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ModelFailed) as failed:
        shell(tmp_path, text)
    assert str(failed.value) == reason


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelFailed, match="nowhere cannot be run: No such file or directory"):
        run_limited(("nowhere",), folder=tmp_path, environment={}, limits=FREE, said=Said())


def limited(**more: Any) -> Limits:
    return Limits(**{"seconds": SECONDS, "network": True, **more})


def python(text: str) -> str:
    return f"{sys.executable} -I -S -c '{text}'"


def test_memory_is_limited(tmp_path: Path) -> None:
    with pytest.raises(ModelFailed, match="exit code 1: MemoryError"):
        shell(tmp_path, python("bytearray(1 << 29)"), limited(memory=1 << 28))
    shell(tmp_path, python("bytearray(1 << 29)"), limited(memory=1 << 30))


def test_processor_time_is_limited(tmp_path: Path) -> None:
    with pytest.raises(ModelFailed, match=r"killed by SIG(XCPU|KILL)"):
        shell(tmp_path, python("while True: pass"), limited(cpu=1))


def test_cpus_are_limited(tmp_path: Path) -> None:
    """By the number that its libraries see, and for all that it starts."""
    said = "import os; print(len(os.sched_getaffinity(0)))"
    there = len(os.sched_getaffinity(0))
    assert shell(tmp_path, python(said), limited()).last == str(there)
    assert shell(tmp_path, python(said), limited(cpus=1)).last == "1"
    assert shell(tmp_path, python(said), limited(cpus=there + 1)).last == str(there)


def test_files_are_limited(tmp_path: Path) -> None:
    with pytest.raises(ModelFailed, match=r"killed by SIGXFSZ|exit code"):
        shell(tmp_path, "head -c 100000 /dev/zero > big", limited(file=50_000))
    assert (tmp_path / "big").stat().st_size <= 50_000


def test_time_is_limited(tmp_path: Path) -> None:
    with pytest.raises(ModelFailed, match=r"it took more than 0\.2 s"):
        shell(tmp_path, "sleep 600", limited(seconds=0.2))


def test_nothing_is_left_when_it_is_over(tmp_path: Path, alive: Alive) -> None:
    """Not even what has a session of its own and lost its parent."""
    shell(tmp_path, "(setsid sh -c 'echo up; sleep 600' >alive &) ; head -c 0 alive")
    assert drained(alive)


def drained(alive: Alive) -> bool:
    """Over, after whatever was written."""
    return alive.is_over() or alive.is_over()


def test_it_can_be_canceled(tmp_path: Path, alive: Alive) -> None:
    """With all that it started, while it runs."""
    waker = Waker()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            shell(tmp_path, "(echo up; sleep 600) >alive", canceled=waker)
        except ModelCanceled as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    alive.wait_for_one()
    waker.ring()
    thread.join(SECONDS)
    assert [str(failure) for failure in failures] == ["it was canceled"]
    assert alive.is_over()
    waker.close()


def supervised(folder: Path, text: str) -> subprocess.Popen[bytes]:
    command = (
        sys.executable,
        "-I",
        "-S",
        supervise.__file__,
        "0",
        "0",
        "0",
        "0",
        "1",
        "[]",
        "sh",
        "-c",
        text,
    )
    return subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, start_new_session=True)


@pytest.mark.crash
@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda process: process.stdin.close(), id="the archive has died"),
        pytest.param(lambda process: process.kill(), id="its supervisor was killed"),
    ],
)
def test_it_dies_with_those_above_it(
    tmp_path: Path, alive: Alive, end: Callable[[subprocess.Popen[bytes]], None]
) -> None:
    """kill -9 of the archive closes the pipe; that of the supervisor is a signal to its child."""
    process = supervised(tmp_path, "exec >alive; echo up; exec sleep 600")
    alive.wait_for_one()
    end(process)
    assert alive.is_over()
    assert process.wait(SECONDS) in (128 + signal.SIGKILL, -signal.SIGKILL)
    assert process.stdin is not None
    process.stdin.close()


def test_without_the_network_nobody_is_there(tmp_path: Path) -> None:
    """Not even on this host; as the same user, whose files are his own."""
    text = "cat /proc/net/dev | tail -n +3 | cut -d: -f1; touch mine; stat -c %u mine"
    try:
        said = shell(tmp_path, text, limited(network=False))
    except ModelFailed as error:
        if "gives nobody a network of his own" not in str(error):
            raise
        pytest.skip(str(error))
    assert said.text.split() == ["lo", str(os.getuid())]


def test_a_system_without_such_networks_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command does not run: it could use the network that it must not have."""
    text = Path(supervise.__file__).read_text()
    refusing = text.replace("_libc.unshare(", "bool(").replace("ctypes.get_errno()", "1")
    script = tmp_path / "supervise.py"
    script.write_text(refusing)
    monkeypatch.setattr("pacs_ai.running.process._SUPERVISE", script)
    with pytest.raises(ModelFailed) as failed:
        shell(tmp_path, "touch ran", limited(network=False))
    assert "(Operation not permitted); set network = true for the model" in str(failed.value)
    assert not (tmp_path / "ran").exists()
