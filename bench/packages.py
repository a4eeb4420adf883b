"""Installs the peers from Debian packages, where that is possible without asking."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

__all__ = ["install_peers"]

_PACKAGES = ("orthanc", "orthanc-dicomweb", "orthanc-gdcm", "dcmtk", "libgdcm-tools")
_PROGRAMS = (Path("/usr/sbin/Orthanc"), Path("/usr/bin/storescp"))
# Runlevel 1 has policy and invoke-rc.d leave the services of packages alone: the bench starts
# its own Orthanc, and a second one on the standard ports would only take CPU.
_ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}


def install_peers(say: Callable[[str], None]) -> None:
    """Install what is missing; says why where it cannot, and never fails."""
    if all(program.exists() for program in _PROGRAMS):
        return
    prefix = _become_root()
    if shutil.which("apt-get") is None or prefix is None:
        say("peers are missing, and installing them needs apt-get and root (or sudo)")
        return
    new = shutil.which("Orthanc") is None
    say(f"installing {', '.join(_PACKAGES)} …")
    settings = [f"{name}={value}" for name, value in _ENVIRONMENT.items()]
    apt = [*prefix, "env", *settings, "apt-get", "-q", "-y"]
    for action in (["update"], ["install", "--no-install-recommends", *_PACKAGES]):
        done = subprocess.run([*apt, *action], capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            say(f"apt-get {action[0]} failed: {said[-1] if said else 'it does not say why'}")
    if new:
        _stop_service(prefix)


def _become_root() -> list[str] | None:
    """What to put in front of a command to run it as root; None where nothing does."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    allowed = subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False)
    return ["sudo", "-n"] if allowed.returncode == 0 else None


def _stop_service(prefix: list[str]) -> None:
    """In case the package has started it all the same."""
    if shutil.which("service") is not None:
        stop = [*prefix, "service", "orthanc", "stop"]
        subprocess.run(stop, capture_output=True, check=False)
