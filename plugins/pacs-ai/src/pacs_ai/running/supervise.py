"""The process between the archive and a command: holds it to limits, and leaves nothing behind.

    python -I -S supervise.py MEMORY CPU FILE CPUS NETWORK ENDING COMMAND ARGUMENT...

MEMORY and FILE are bytes, CPU is seconds, CPUS is a number of them; 0 is no limit. Without NETWORK
(0) the command is in a network of its own, in which there is nobody. ENDING is a JSON list: the
command that ends what others run for COMMAND, such as a container; it is run unless COMMAND ends
well, [] is none.
Standard input is a pipe that nobody writes to: when it ends, because the archive wants that or has
died, the command is killed with all it has started.
The exit code is that of the command; 125 is a command that could not be started as wanted.

It is a script of the standard library alone, because it starts in front of every run: importing
the package would take ten times as long.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress

NOT_STARTED, KILLED = 125, 128 + signal.SIGKILL

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_libc = ctypes.CDLL(None, use_errno=True)


def main() -> int:
    """Run the command of ``sys.argv``."""
    memory, cpu, file, cpus, network = map(int, sys.argv[1:6])
    ending, command = json.loads(sys.argv[6]), sys.argv[7:]
    adopt_orphans()
    supervisor = os.getpid()
    child = os.fork()
    if not child:
        if cpus:
            _keep_to(cpus)
        _become(command, supervisor, (memory, cpu, file), network=bool(network))
    return watch(child, ending)


def adopt_orphans() -> None:
    """Whoever loses its parent becomes our child, so that it is found at the end."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with(parent: int) -> None:
    """Be killed when ``parent`` dies, and end at once where it has."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(NOT_STARTED)


def watch(child: int, ending: Sequence[str] = ()) -> int:
    """Wait until ``child`` ends, or standard input; its exit code. Kills all that is left, and runs
    the command ``ending`` before that, unless ``child`` ended well.
    """
    handle = os.pidfd_open(child)
    poll = select.poll()
    poll.register(0, select.POLLIN | select.POLLHUP)
    poll.register(handle, select.POLLIN)
    ended = {descriptor for descriptor, _ in poll.poll()}
    if handle not in ended:
        os.kill(child, signal.SIGKILL)
    code = _exit_code(os.waitpid(child, 0)[1])
    if ending and code:
        _run(ending)  # first: who knows of a container can only end it whole while that is alive
    _kill_all()
    return code


def read_nothing() -> None:
    """Have an empty standard input."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


def _become(
    command: list[str], supervisor: int, limits: tuple[int, int, int], *, network: bool
) -> None:
    """Turn this process into the command. Never returns."""
    try:
        if not network:
            _leave_network()
        die_with(supervisor)  # after that, because new rights take it back
        kinds = resource.RLIMIT_DATA, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE
        for kind, most in zip(kinds, limits, strict=True):
            if most:
                resource.setrlimit(kind, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        read_nothing()
        os.execvp(command[0], command)  # noqa: S606 - without a shell is what is wanted
    except OSError as error:
        _say(f"{command[0]} cannot be run: {error.strerror}")
    os._exit(NOT_STARTED)


def _keep_to(cpus: int) -> None:
    """Run on so many of the CPUs alone, not always the same ones: there may be other runs."""
    there = sorted(os.sched_getaffinity(0))
    first = int.from_bytes(os.urandom(4), "big")
    os.sched_setaffinity(0, {there[(first + each) % len(there)] for each in range(cpus)})


def _leave_network() -> None:
    """Into a network without anybody, as the same user."""
    user, group = os.getuid(), os.getgid()
    if _libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET):
        _say(
            f"this system gives nobody a network of his own ({os.strerror(ctypes.get_errno())}); "
            "set network = true for the model if it may use the network"
        )
        os._exit(NOT_STARTED)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:  # noqa: PTH123 - see above
            file.write(text)


def _run(command: Sequence[str]) -> None:
    """Run ``command`` to its end. It has no say here, and goes on when this process is killed."""
    nothing = os.open(os.devnull, os.O_RDWR)
    streams = [(os.POSIX_SPAWN_DUP2, nothing, descriptor) for descriptor in range(3)]
    with suppress(OSError):
        child = os.posix_spawnp(
            command[0], [*command], os.environ, file_actions=streams, setsid=True
        )
        os.waitpid(child, 0)


def _exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def _kill_all() -> None:
    """Kill children until there are none; theirs become ours when they go."""
    while True:
        for child in _children():
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _children() -> list[int]:
    path = f"/proc/self/task/{os.getpid()}/children"
    with open(path, encoding="ascii") as file:  # noqa: PTH123 - see above
        return [int(number) for number in file.read().split()]


def _say(text: str) -> None:
    os.write(2, f"{text}\n".encode())


if __name__ == "__main__":
    sys.exit(main())
