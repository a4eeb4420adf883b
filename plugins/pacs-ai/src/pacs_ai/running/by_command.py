"""Models that are programs: files in one folder, results in another.

Modules of mercure and MONAI application packages run as they are: both take their folders from the
environment, and write DICOM files.
"""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pacs_ai.api import Nothing
from pacs_ai.errors import ModelFailed, RefusedOutput
from pacs_ai.running.mercure import TASK, result_of, task_of
from pacs_ai.running.process import Limits, run_limited
from pacs_ai.running.runner import Made, Runner, Work, digest_of, plain_environment
from pacs_ai.running.said import in_one_line
from pacs_framework.waking import Waker

__all__ = ["Call", "CommandModel", "environment_of"]

_INPUTS = ("MERCURE_IN_DIR", "MONAI_INPUTPATH", "HOLOSCAN_INPUT_PATH")
_OUTPUTS = ("MERCURE_OUT_DIR", "MONAI_OUTPUTPATH", "HOLOSCAN_OUTPUT_PATH")
_MODELS = ("MONAI_MODELPATH", "HOLOSCAN_MODEL_PATH")
_WORK = ("MONAI_WORKDIR", "HOLOSCAN_WORKDIR")
_PROGRESS, _PROGRESS_AT = "progress", "PACS_AI_PROGRESS"
_MAGIC_AT, _MAGIC = 128, b"DICM"
_NOTHING = "nothing.txt"
_MOST_REASON = 1 << 14  # bytes: more than the characters that a reason may have


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A program as it is started; ``ending`` is as in `pacs_ai.running.process.run_limited`."""

    command: Sequence[str]
    environment: Mapping[str, str]
    limits: Limits
    ending: Sequence[str] = ()


class CommandModel(Runner):
    """Runs ``command`` without a shell; ``{input}``, ``{output}`` and ``{work}`` are folders.

    ``settings`` are what a mercure module reads of its task, ``weights`` is the file or folder of
    models that a MONAI application looks for. Lines with a number from 0 to 1 that are written to
    the named pipe ``$PACS_AI_PROGRESS``, which lies in ``{work}``, are its progress. Results are
    the DICOM files in ``{output}``; a program that found nothing says why in ``nothing.txt`` there.
    """

    kind = "command"
    pixels = False

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        settings: Mapping[str, Any],
        weights: Path | None,
    ) -> None:
        self._name = name
        self._command = tuple(command)
        self._environment = environment
        self._settings = settings
        self._weights = weights

    def run(self, work: Work) -> Made:
        """As `Runner.run`."""
        folders = {name: work.folder / name for name in ("input", "output", "work")}
        for folder in folders.values():
            folder.mkdir()
        work.series.export(folders["input"])
        task = task_of(work, self._name, self._settings)
        (folders["input"] / TASK).write_text(json.dumps(task), "utf-8")
        call = self._call(work, folders)
        told = folders["work"] / _PROGRESS
        with closing(Waker(told)) as pipe:  # open for both: so it does not end with who writes
            run_limited(
                call.command,
                folder=folders["work"],
                environment=call.environment,
                limits=call.limits,
                said=work.said,
                progress=work.progress,
                canceled=work.canceled,
                reader=pipe.descriptor,
                ending=call.ending,
            )
        made = _made(folders["output"])
        if result := result_of(folders["output"]):
            work.said.add(b"\nresult.json: " + result + b"\n")
        return made

    def digest(self) -> str:
        """Of the program, of its arguments that are files, of the weights and the settings."""
        program = shutil.which(self._command[0], path=self._environment.get("PATH"))
        if program is None:
            raise ModelFailed(f"{self._command[0]!r} cannot be run: there is no such program")
        files = [Path(part) for part in (program, *self._command[1:]) if Path(part).is_file()]
        return self._digest(*files)

    def _digest(self, *files: Path, more: Sequence[str] = ()) -> str:
        """Of ``files`` and of what every such model has; ``more`` is what else makes it."""
        weights: list[Path] = []
        if self._weights is not None:
            found = (self._weights, *self._weights.rglob("*"))
            weights = sorted(path for path in found if path.is_file())
        said = [self._command, dict(self._environment), *more]
        if self._settings:
            said.append(dict(self._settings))
        return digest_of(*files, *weights, text=json.dumps(said))

    def _call(self, work: Work, folders: Mapping[str, Path]) -> Call:
        """What is run, with these ``folders`` of its own."""
        return Call(
            command=self._filled(folders),
            environment=plain_environment(
                folders["work"], self._variables(work, folders, self._weights)
            ),
            limits=work.limits,
        )

    def _filled(self, folders: Mapping[str, Path]) -> list[str]:
        return [_filled(part, folders) for part in self._command]

    def _variables(
        self, work: Work, folders: Mapping[str, Path], weights: Path | None
    ) -> dict[str, str]:
        """What the program finds, with folders and ``weights`` where it sees them."""
        variables = environment_of(folders, weights)
        variables[_PROGRESS_AT] = str(folders["work"] / _PROGRESS)
        return {**variables, **self._environment, **work.environment}


def environment_of(folders: Mapping[str, Path], weights: Path | None) -> dict[str, str]:
    """The variables by which modules find their folders."""
    found = dict.fromkeys(_INPUTS, str(folders["input"]))
    found |= dict.fromkeys(_OUTPUTS, str(folders["output"]))
    found |= dict.fromkeys(_WORK, str(folders["work"]))
    return found | dict.fromkeys(_MODELS, str(weights or folders["work"]))


def _filled(part: str, folders: Mapping[str, Path]) -> str:
    for name, folder in folders.items():
        part = part.replace("{" + name + "}", str(folder))
    return part


def _made(output: Path) -> Made:
    """Raises `RefusedOutput` for no results without a reason, and for a reason beside results."""
    files, nothing = tuple(_results(output)), _reason_of_nothing(output / _NOTHING)
    if files and nothing:
        raise RefusedOutput(
            f"it says in {_NOTHING} that it found nothing, and its output holds {len(files)} DICOM "
            "files"
        )
    if not files and not nothing:
        raise RefusedOutput(
            "it ended without results: there is no DICOM file in its output, and no "
            f"{_NOTHING} that says why"
        )
    return Made(files=files, nothing=nothing)


def _reason_of_nothing(path: Path) -> str:
    """What the program has written there, in one line; empty where it has not."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        said = file.read(_MOST_REASON).decode("utf-8", "backslashreplace")
    try:
        return in_one_line(Nothing(reason=said).reason)
    except ValueError as error:
        raise RefusedOutput(f"its {path.name} cannot be taken: {error}") from error


def _results(output: Path) -> Iterator[Path]:
    """The DICOM files below ``output``. A link is refused: it may lead to any file of this host."""
    for path in sorted(output.rglob("*")):
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            continue
        if not stat.S_ISREG(mode):
            raise RefusedOutput(f"its output holds {path.name!r}, which is no ordinary file")
        if _is_dicom(path):
            yield path
        elif path.suffix.lower() == ".dcm":
            raise RefusedOutput(f"its output holds {path.name!r}, which is no DICOM file")


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(_MAGIC_AT)
        return file.read(len(_MAGIC)) == _MAGIC
