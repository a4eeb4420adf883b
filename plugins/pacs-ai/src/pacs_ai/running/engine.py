"""Podman or Docker, whose command line runs a container for a model.

A container is not a child of who asked for it: with Docker a service has it, with Podman a monitor
of its own, and killing the command line leaves it running. So it has a name, by which it is ended.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import structlog

from pacs_ai.errors import ModelFailed

if TYPE_CHECKING:
    from pacs_ai.running.process import Limits

__all__ = ["ENDING", "Engine", "Mount", "end_container", "engine_environment", "remember"]

ENDING = "ending.json"
"""The file in the folder of a run that says how its container is ended."""

_KNOWN = "podman", "docker"
_SECONDS = 60.0  # for a question, and for an end; each takes less than a second
_PROCESSES = 2048
_CDI = "nvidia.com/gpu"  # the kind of devices that nvidia-ctk writes specifications of
_GONE = "no such container"  # as Docker calls what is well
_OWN = frozenset({"PATH", "LANG", "HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME"})
_OF_ENGINES = "DOCKER_", "CONTAINER_", "CONTAINERS_"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A file or folder ``outside`` that a container finds as ``inside``."""

    outside: Path
    inside: Path
    writable: bool = False
    shared: bool = False
    """Whether other containers have it as well, which matters to SELinux alone."""

    @property
    def option(self) -> str:
        """As ``--volume`` takes it."""
        label = "z" if self.shared else "Z"
        return f"{self.outside}:{self.inside}:{'rw' if self.writable else 'ro'},{label}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The command line ``program``, of one of the two."""

    program: str

    @classmethod
    def found(cls, wanted: str) -> Self:
        """The program ``wanted``, or the first one of Podman and Docker that is installed.

        Raises `ModelFailed` where there is none.
        """
        for name in (wanted,) if wanted else _KNOWN:
            if program := shutil.which(name):
                return cls(program=program)
        missing = repr(wanted) if wanted else " or ".join(_KNOWN)
        raise ModelFailed(
            f"there is no {missing}, which would run the container: install one, or set engine in "
            "[plugin.ai] to where it is"
        )

    @property
    def _is_podman(self) -> bool:
        return "podman" in Path(self.program).name

    def image_id(self, image: str) -> str:
        """The digest of an ``image`` that is here. Raises `ModelFailed`."""
        question = [self.program, "image", "inspect", "--format", "{{.Id}}", image]
        try:
            answer = _ran(question)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ModelFailed(f"{self.program} cannot be asked for {image!r}: {error}") from error
        if answer.returncode:
            why = (answer.stderr.strip().splitlines() or ["it did not say why"])[-1]
            raise ModelFailed(
                f"there is no image {image!r} to run ({why}): get it with "
                f"'{Path(self.program).name} pull {image}' as the user of the archive"
            )
        return answer.stdout.strip().removeprefix("sha256:")

    def run(
        self,
        image: str,
        command: Sequence[str],
        *,
        name: str,
        mounts: Sequence[Mount],
        variables: Path,
        limits: Limits,
        cpus: float | None,
        gpu: str = "",
    ) -> list[str]:
        """The command that runs ``image`` as the user of this process, without any right of root's,
        with nothing to write to but its ``mounts`` and ``/tmp``, and ends with its exit code.

        ``variables`` is a file of lines NAME=VALUE, because everybody may read a command line.
        ``gpu`` is the number or UUID of the one that it has; empty for none.
        """
        user = f"{os.geteuid()}:{os.getegid()}"
        options = ["--rm", "--pull=never", f"--name={name}", f"--user={user}", "--cap-drop=all"]
        options += ["--security-opt=no-new-privileges", "--read-only", "--tmpfs=/tmp"]
        options += ["--log-driver=none", f"--pids-limit={_PROCESSES}"]  # words name patients
        options += [f"--env-file={variables}", *(f"--volume={each.option}" for each in mounts)]
        if not limits.network:
            options.append("--network=none")
        if limits.memory:  # the second one is with swap
            options += [f"--memory={limits.memory}", f"--memory-swap={limits.memory}"]
        if cpus is not None:
            options.append(f"--cpus={cpus:g}")
        if gpu:  # Podman finds it by its CDI specification, Docker by NVIDIA's runtime
            options.append(f"--device={_CDI}={gpu}" if self._is_podman else f"--gpus=device={gpu}")
        if self._is_podman:
            options.append("--http-proxy=false")  # or it gets the proxies of the archive
            if os.geteuid():
                options.append("--userns=keep-id")  # or its files are somebody else's
        return [self.program, "run", *options, image, *command]

    def removal(self, name: str) -> list[str]:
        """The command that ends the container ``name`` at once, and forgets it."""
        options = ["--ignore", "--time=0"] if self._is_podman else []
        return [self.program, "rm", "--force", "--volumes", *options, name]


def engine_environment() -> dict[str, str]:
    """What an engine needs of the archive's environment to find its images and its service.

    Containers get nothing of it.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if name in _OWN or name.startswith(_OF_ENGINES)
    }


def remember(folder: Path, removal: Sequence[str]) -> None:
    """Write into the ``folder`` of a run how its container is ended, before there is one."""
    (folder / ENDING).write_text(json.dumps(removal), "utf-8")


def end_container(folder: Path) -> None:
    """End the container of a run whose archive and supervisor were killed, if it had one."""
    try:
        removal: list[str] = json.loads((folder / ENDING).read_text("utf-8"))
    except (FileNotFoundError, ValueError):  # it had none, or was killed before it had
        return
    try:
        done = _ran(removal)
    except (OSError, subprocess.TimeoutExpired) as error:
        why = str(error)
    else:
        why = done.stderr.strip() if done.returncode else ""
    if why and _GONE not in why.lower():
        _log.warning("a container may be left running", command=removal, error=why)


def _ran(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - what the site has configured, no shell
        command,
        env=engine_environment(),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=_SECONDS,
        check=False,
    )
