"""Podman and Docker for tests, and an image with nothing but a shell, made without any registry."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

__all__ = ["IMAGE", "Containers", "write_image"]

IMAGE = "localhost/pacs-ai-tests:1"
_SECONDS = 120.0
_BUSYBOX = Path("/bin/busybox")
_NO_BUSYBOX = f"{_BUSYBOX} of busybox-static is not installed"
_TOOLS = ("sh", "cat", "cp", "grep", "id", "ls", "sed", "sleep", "touch", "dd", "tr")
_SITE = """[engine]
runtime = "runc"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
"""
# For a host that lets crun and the usual limits not be: cgroups of both versions, fewer rights.

MODULE = """#!/bin/sh
# As mercure's modules do: the files and the task of one folder, results in another.
set -e
grep -q '"texts": "by a container"' "$MERCURE_IN_DIR/task.json"
for file in "$MERCURE_IN_DIR"/*.dcm; do
  name=${file##*/}; name=${name%.dcm}
  series=${name%%#*}; instance=${name##*#}
  expression=""
  for uid in $series $instance; do
    expression="$expression;s/$uid/$(echo "$uid" | sed 's/1.2.826.0.1/1.2.826.0.2/')/g"
  done
  sed "${expression#;}" "$file" >"$MERCURE_OUT_DIR/$name.dcm"
  echo 0.5 >"$PACS_AI_PROGRESS"
  break
done
echo '{"images": 1}' >"$MERCURE_OUT_DIR/result.json"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Containers:
    """An engine that runs containers here."""

    engine: str

    def ask(self, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """What it says, with what environment there is."""
        return subprocess.run(
            (self.engine, *arguments),
            input=given,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )

    def why_not(self, folder: Path) -> str:
        """Why it cannot run containers here; empty where it can, and has `IMAGE`.

        The variable CONTAINERS_CONF may be set for that, with a file in ``folder``.
        """
        if shutil.which(self.engine) is None:
            return f"{self.engine} is not installed"
        if not _BUSYBOX.exists():
            return _NO_BUSYBOX
        archive = write_image()
        if (done := self.ask("import", "-", IMAGE, given=archive)).returncode:
            return f"{self.engine} takes no image: {done.stderr.decode()}"
        why = self._try()
        if why and self.engine == "podman":
            site = folder / "containers.conf"
            site.write_text(_SITE)
            os.environ["CONTAINERS_CONF"] = str(site)
            why = self._try() and why
        return why and f"{self.engine} runs no container: {why}"

    def _try(self) -> str:
        options = "--rm", "--network=none", "--memory=64m"
        done = self.ask("run", *options, IMAGE, "/bin/sh", "-c", "true")
        return done.stderr.decode() if done.returncode else ""

    def left(self, run: str = "") -> list[str]:
        """The names of containers of models, whatever state they are in; with ``run`` of that one,
        since other tests may have theirs at the same time.
        """
        done = self.ask("ps", "--all", f"--filter=name=pacs-ai-{run}", "--format={{.Names}}")
        assert not done.returncode, done.stderr
        return done.stdout.decode().split()


def write_image() -> bytes:
    """A root file system as a tar archive: BusyBox, and the module."""
    written = BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        tar.add(_BUSYBOX, "bin/busybox")
        for tool in _TOOLS:
            link = tarfile.TarInfo(f"bin/{tool}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        module = tarfile.TarInfo("module.sh")
        module.mode, module.size = 0o755, len(MODULE)
        tar.addfile(module, BytesIO(MODULE.encode()))
    return written.getvalue()
