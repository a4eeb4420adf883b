"""What a fault needs of the machine. What is not there is told, and the fault is skipped."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

from pacs_framework.testing.postgres import PostgresMissing, PrivatePostgres
from pacs_storage_s3.serving import PrivateS3, S3Missing

__all__ = ["LIBFAKETIME", "Need", "block_device", "clock", "mounts", "postgres", "s3", "strace"]

Need = Callable[[], str]
"""Why a fault cannot be made here; empty when it can."""

LIBFAKETIME = "/usr/lib/*/faketime/libfaketimeMT.so.1"


def _program(name: str, package: str) -> str:
    return "" if shutil.which(name) else f"{name} is not installed (Debian package {package})"


@cache
def strace() -> str:
    """strace, and the right to look at our own processes."""
    if missing := _program("strace", "strace"):
        return missing
    command = ["strace", "-f", "-o", "/dev/null", "true"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return f"strace cannot trace here: {done.stderr.strip()[-200:]}" if done.returncode else ""


@cache
def mounts() -> str:
    """The right to mount."""
    if os.geteuid():
        return "only root may mount a file system"
    return _program("mount", "mount")


@cache
def block_device() -> str:
    """A disk whose errors we decide on: nbdkit, shown as a file by nbdfuse, under a loop device."""
    programs = {"nbdkit": "nbdkit", "nbdfuse": "libnbd-bin", "fusermount3": "fuse3"}
    programs |= {"losetup": "mount", "mkfs.ext4": "e2fsprogs"}
    for name, package in programs.items():
        if missing := _program(name, package):
            return missing
    for device in ("/dev/fuse", "/dev/loop-control"):
        if not Path(device).exists():
            return f"this kernel has no {device}"
    return mounts()


@cache
def clock() -> str:
    """Libfaketime."""
    if any(Path("/").glob(LIBFAKETIME.lstrip("/"))):
        return ""
    return "libfaketime is not installed (Debian package faketime)"


@cache
def postgres() -> str:
    """PostgreSQL's programs, and somebody to run them."""
    try:
        PrivatePostgres()
    except PostgresMissing as missing:
        return str(missing)
    return ""


@cache
def s3() -> str:
    """An S3 server."""
    try:
        PrivateS3()
    except S3Missing as missing:
        return str(missing)
    return ""
