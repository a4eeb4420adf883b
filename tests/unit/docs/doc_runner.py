"""Runs the examples of one page, from top to bottom, in a folder of its own.

The rules are written down for authors in docs/how-to/write-documentation.md.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import importlib_metadata
from click.testing import CliRunner
from doc_pages import ROOT, Block, blocks
from doc_scene import write_studies

from pacs_framework.cli.main import main
from pacs_framework.testing.distributions import install_distribution
from pacs_framework.testing.forked import Nursery
from pacs_framework.testing.postgres import PrivatePostgres
from pacs_framework.testing.sockets import free_port, wait_for_listener

__all__ = ["RUN", "PageRun", "commands", "variables"]

RUN = frozenset({"console", "python", "toml", "ini", "json", "text"})
"""Languages of examples; of the last three only what the reader is told to save."""

_PORTS = re.compile(r"\b(104|257[56]|1111[2-9]|4242|804[23])\b")
_PLACES = ("/opt/pacs", "/etc/pacs", "/var/lib/pacs", "/var/backups/pacs")
_PEERS = frozenset({"echoscu", "findscu", "getscu", "movescu", "storescp", "storescu"})
_LIVE = r"11112|pacs health|--top"  # only a running archive answers
_DATABASE_HOST = "db.clinic.example"
_STAND_IN = """
from pacs_framework import hookimpl

@hookimpl
def on_stored(change):
    pass
"""
_SECONDS = 60
_LAST_OF_THE_START = re.compile(r"^  try +")
_BEHIND = re.compile(r" &$")
_SERVE = re.compile(r"\bpacs serve\b")


def commands(block: Block) -> list[tuple[str, list[str]]]:
    """The commands after the prompts of a block, and what the page says that they print."""
    found: list[tuple[str, list[str]]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found and found[-1][0].endswith("\\"):
            found[-1] = (f"{found[-1][0]}\n{line}", [])
        else:
            assert found, f"{block.where}: a console block begins with a prompt"
            found[-1][1].append(line)
    return found


class PageRun:
    """The folder, the ports and the processes of one page while its examples run."""

    def __init__(self, page: Path, folder: Path, nursery: Nursery) -> None:
        self.folder = self.current = folder
        self._ports: dict[str, int] = {}
        self._names: dict[str, Any] = {"__name__": "__page__"}
        self._numbers = itertools.count()
        self._database: PrivatePostgres | None = None
        self._standing_in: set[str] = set()
        self._running: list[tuple[str, subprocess.Popen[str]]] = []
        self._examples = [b for b in blocks(page) if b.language in RUN and not b.not_run]
        self.missing = sorted({b.needs for b in self._examples if not _is_there(b.needs)})
        self.environment = _environment(folder, nursery)

    def run(self) -> None:
        """All examples; AssertionError with the page and the line of the first that fails."""
        try:
            self._prepare()
            for block in self._examples:
                if block.needs in self.missing:
                    continue
                getattr(self, f"_{block.language}")(block)
        finally:
            self._stop()

    def _prepare(self) -> None:
        """What a page may rely on: files to store, and an archive where it starts none itself."""
        if any(_DATABASE_HOST in block.text for block in self._examples):
            self._database = PrivatePostgres(in_memory=True).__enter__()
            create = f"createdb --host={_DATABASE_HOST} --username=pacs pacs"
            assert self._bash(create).returncode == 0
        for place in _PLACES:
            self._place(place).mkdir(parents=True)
        self._place("/opt/pacs").rmdir()
        self._place("/opt/pacs").symlink_to(sys.prefix)
        write_studies(self.folder / "studies")
        if self._wants_archive():
            typed = [c for b in self._examples if b.language == "console" for c, _ in commands(b)]
            self._archive(running=any(re.search(_LIVE, command) for command in typed))

    def _wants_archive(self) -> bool:
        """Whether the page speaks of an archive before it starts or configures one itself."""
        for block in self._examples:
            if block.file == "pacs.toml":
                return False
            for command, _ in commands(block) if block.language == "console" else ():
                if _SERVE.search(command):
                    return False
                if re.search(r"11112|--config pacs\.toml|pacs-data", command):
                    return True
        return False

    def lacks(self) -> set[str]:
        """Peers that the page calls and that are not installed here: then it cannot run."""
        typed = (c for b in self._examples if b.language == "console" for c, _ in commands(b))
        called = {command.split()[0] for command in typed}
        return {peer for peer in called & _PEERS if shutil.which(peer) is None}

    def _archive(self, *, running: bool) -> None:
        text = (
            f'[archive]\ndata = "pacs-data"\n[network]\nport = {self._port("11112")}\n'
            f'[peers.workstation]\naet = "WORKSTATION"\nhost = "127.0.0.1"\n'
            f"port = {self._port('11113')}\n"
        )
        (self.folder / "pacs.toml").write_text(text, "utf-8")
        imported = self._bash("pacs import --config pacs.toml ~/studies")
        assert imported.returncode == 0, imported.stdout
        if running:
            self._start("pacs serve --config pacs.toml", "the page's archive")

    # --- one method for each language ---------------------------------------------------------

    def _toml(self, block: Block) -> None:
        file = self._save(block) if block.file else self.folder / "example.toml"
        file.write_text(self._here(block.text), "utf-8")
        settings = tomllib.loads(file.read_text("utf-8"))
        if file.name in {"example.toml", "pacs.toml"}:
            self._stand_in(settings)
            code, said = self._check(file)
            assert code == 0, f"{block.where}: {said}"

    def _check(self, file: Path) -> tuple[int, str]:
        """``pacs check``: in this process, unless the page has brought plugins of its own."""
        if any((self.folder / "site").iterdir()):
            done = self._bash(f"pacs check --config {shlex.quote(str(file))}")
            return done.returncode, done.stdout
        result = CliRunner().invoke(main, ["check", "--config", str(file)])
        return result.exit_code, result.output

    def _stand_in(self, settings: Mapping[str, Any]) -> None:
        """Plugins that a page names in ``[plugins]`` and that nobody has written yet."""
        section = settings.get("plugins", {})
        lists = [section.get(key, []) for key in ("allow", "deny", "order", "required", "optional")]
        named = {*itertools.chain(*lists), *section.get("limits", {})}
        installed = {point.name for point in importlib_metadata.entry_points(group="pacs.plugins")}
        for name in sorted(named - installed - self._standing_in):
            install_distribution(self.folder / "site", f"a-{name}", {name: _STAND_IN})
            self._standing_in.add(name)

    def _ini(self, block: Block) -> None:
        if block.file:
            self._save(block)

    _json = _text = _ini

    def _python(self, block: Block) -> None:
        if block.file:
            self._save(block)
            return
        paths = [str(self.folder / "site"), str(self.current)]
        code = compile("\n" * block.line + self._here(block.text), str(block.page), "exec")
        sys.path[:0] = paths
        try:
            with contextlib.chdir(self.current):
                exec(code, self._names)
        finally:
            del sys.path[: len(paths)]

    def _console(self, block: Block) -> None:
        typed = commands(block)
        for number, (command, expected) in enumerate(typed, start=1):
            where = f"{block.where}: $ {command}"
            if moved := re.fullmatch(r"cd (\S+)", command):
                self.current = (self.current / self._here(moved[1])).resolve()
                assert self.current.is_dir(), where
            elif _SERVE.search(command) or _BEHIND.search(command):
                if not _BEHIND.search(command):
                    self._stop_archives()  # the reader's Ctrl-C in the terminal of the archive
                self._compare(where, expected, self._start(command, where))
            else:
                last = number == len(typed)
                self._finish(command, where, expected, block.exit_code if last else 0)

    def _finish(self, command: str, where: str, expected: list[str], code: int) -> None:
        """Run a command to its end; compare its exit code, and what the page says it prints."""
        done = self._bash(command)
        assert done.returncode == code, f"{where}\nexit {done.returncode}\n{done.stdout}"
        self._compare(where, expected, done.stdout)

    # --- what they share ----------------------------------------------------------------------

    def _save(self, block: Block) -> Path:
        named = self._here(block.file)
        file = self.current / named
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self._here(block.text), "utf-8")
        return file

    def _place(self, path: str) -> Path:
        return self.folder / "root" / path.lstrip("/")

    def _port(self, printed: str) -> int:
        return self._ports.setdefault(printed, free_port())

    def _here(self, text: str) -> str:
        """Ports become free ones, folders of a machine and its database those of this run."""
        text = _PORTS.sub(lambda found: str(self._port(found[1])), text)
        if self._database is not None:
            host = parse_qs(urlsplit(self._database.url()).query)["host"][0]
            text = re.sub(rf"@{_DATABASE_HOST}/(\w+)", rf"@/\1?host={host}", text)
            text = text.replace(_DATABASE_HOST, host)
        for place in _PLACES:
            text = re.sub(rf"(?<![\w.]){place}\b", str(self._place(place)), text)
        return text

    def _bash(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", self._here(command)],
            cwd=self.current,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
            check=False,
        )

    def _compare(self, where: str, expected: list[str], printed: str) -> None:
        """Every line that the page shows was printed, in this order; ``…`` stands for anything."""
        lines = iter([" ".join(line.split()) for line in printed.splitlines()])
        for wanted in (" ".join(self._here(line).split()) for line in expected):
            pattern = ".*".join(re.escape(part.strip()) for part in wanted.split("…"))
            if wanted not in {"", "…"}:
                assert any(re.fullmatch(pattern, line) for line in lines), (
                    f"{where}\nshows {wanted!r}, but printed:\n{printed}"
                )

    def _start(self, command: str, where: str) -> str:
        """Start what the reader starts in another terminal; what it says until it listens."""
        log = self.folder / f"running-{next(self._numbers)}.log"
        typed = self._here(command)
        with log.open("w", encoding="utf-8") as errors:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {_BEHIND.sub('', typed)}"],
                cwd=self.current,
                env=self.environment | self._default_port(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if _SERVE.search(command) else errors,
                stderr=errors,
                text=True,
            )
        self._running.append((where, process))
        if process.stdout is None:
            wait_for_listener("127.0.0.1", self._port_of(command))
            return ""
        said = ""
        for line in process.stdout:
            said += line
            if _LAST_OF_THE_START.match(line):
                return said
        raise AssertionError(f"{where}\n{said}{log.read_text('utf-8')}")

    def _port_of(self, command: str) -> int:
        """Where a peer will listen: the first port in its command, or in a file that it names."""
        files = [self.current / word for word in command.split()]
        said = [command, *(file.read_text("utf-8") for file in files if file.is_file())]
        known = {str(port): port for port in self._ports.values()}
        for text in said:
            for number in re.findall(r"\b\d{3,5}\b", text):
                if number in known or _PORTS.fullmatch(number):
                    return known.get(number) or self._port(number)
        raise AssertionError(f"$ {command}: which port will it listen on?")

    def _default_port(self, command: str) -> dict[str, str]:
        """An archive that is told no port takes the stand-in of the default, for HTTP too."""
        config = re.search(r"--config (\S+)", command)
        settings = (
            tomllib.loads((self.current / self._here(config[1])).read_text("utf-8"))
            if config
            else {}
        )
        ports = {}
        if "--port" not in command and "port" not in settings.get("network", {}):
            ports["PACS_NETWORK__PORT"] = str(self._port("11112"))
        if "http" not in settings.get("plugin", {}) and _SERVE.search(command):
            ports["PACS_PLUGIN__HTTP__PORT"] = str(self._port("8042"))
        return ports

    def _stop_archives(self) -> None:
        """End the archives of this page; they must end well."""
        archives = [one for one in self._running if one[1].stdout is not None]
        self._running = [one for one in self._running if one[1].stdout is None]
        self._end(archives)

    def _stop(self) -> None:
        """End everything that runs."""
        running, self._running = self._running, []
        try:
            self._end(running)
        finally:
            if self._database is not None:
                self._database.__exit__()

    def _end(self, running: list[tuple[str, subprocess.Popen[str]]]) -> None:
        failed = []
        for where, process in reversed(running):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            code = process.wait(20)
            if process.stdout is not None:
                process.stdout.close()
                failed += [f"{where}: exit {code}"] if code else []
        assert failed == []


def variables() -> dict[str, str]:
    """Of a clean environment, on every page."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PACS_", "PG", "PIP_"))}
    said = {"PYTHONUNBUFFERED": "1", "COLUMNS": "200", "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}
    return kept | said


def _environment(folder: Path, nursery: Nursery) -> dict[str, str]:
    """Home is the page's folder, ``pacs`` and ``pip`` are found."""
    tools = folder / "bin"
    tools.mkdir()
    for name in ("python", "hatchling", "pytest"):
        _write_tool(tools / name, f'"{Path(sys.executable).parent / name}"')
    # A start of Python with all plugins takes longer than most commands: it is forked.
    door = f'"{ROOT / "tests/unit/docs/doc_pacs.py"}" "{nursery.address}"'
    _write_tool(tools / "pacs", f'"{sys.executable}" -IS {door}')
    _write_tool(tools / "pip", f'"{sys.executable}" "{ROOT / "tests/unit/docs/doc_pip.py"}"')
    (folder / ".venv").mkdir()
    (folder / ".venv/bin").symlink_to(tools)
    site = folder / "site"
    site.mkdir()
    return variables() | {
        "HOME": str(folder),
        "PATH": os.pathsep.join([str(tools), _without_environment()]),
        "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]),
        "PYTEST_ADDOPTS": "-p no:schemathesis",  # loading it takes a second, and no page needs it
    }


def _is_there(program: str) -> bool:
    return not program or shutil.which(program) is not None


def _without_environment() -> str:
    """PATH without the findscu that pynetdicom puts there: the pages use DCMTK's."""
    ours = str(Path(sys.executable).parent)
    return os.pathsep.join(p for p in os.environ["PATH"].split(os.pathsep) if p != ours)


def _write_tool(file: Path, command: str) -> None:
    file.write_text(f'#!/bin/sh\nexec {command} "$@"\n', "utf-8")
    file.chmod(0o755)
