"""NVIDIA's Triton Inference Server, as the wheel ``nvidia-pytriton`` brings it, on the CPU.

Its models are files of this folder's making for its backend for Python, which the interpreter that
the variable `PYTHON` names has to have; the wheel takes 300 MB, so nothing installs it by itself.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pacs_framework.testing.sockets import free_port, wait_for_listener

__all__ = ["PYTHON", "ServedModel", "triton_serving"]

PYTHON = "TRITON_PYTHON"

_SECONDS = 100.0  # a net: it loads models in some seconds
_WHERE = (
    "import sys, importlib.util as found; "
    "print(found.find_spec('pytriton').submodule_search_locations[0]); "
    "print('%d.%d' % sys.version_info[:2])"
)
_MODEL = """
import json
import numpy as np
import triton_python_backend_utils as triton


class TritonPythonModel:
    def initialize(self, args):
        self.folder = args["model_repository"] + "/"

    def execute(self, requests):
        return [self.answer(each) for each in requests]

    def answer(self, request):
        block = triton.get_input_tensor_by_name(request, "image").as_numpy()
{body}
        yes = (block > {above}).astype(np.float32)
        scores = np.concatenate([1 - yes, yes], axis=1)
        names = np.array([b"nothing", b"bone"], np.object_)
        made = [triton.Tensor("names", names), triton.Tensor("scores", scores)]
        return triton.InferenceResponse(output_tensors=made)
"""


class ServedModel:
    """A model that answers what is ``above`` in each version; ``body`` is what it does before."""

    def __init__(
        self,
        name: str,
        above: dict[str, float],
        *,
        kind: str = "FP32",
        sizes: int = 2,
        batch: int = 0,
        body: str = "pass",
    ) -> None:
        self.name, self._above, self._body = name, above, body
        first, rest = ("" if batch else "1, "), ", -1" * sizes
        self._config = f"""
name: "{name}"
backend: "python"
max_batch_size: {batch}
input [ {{ name: "image", data_type: TYPE_{kind}, dims: [ {first}1{rest} ] }} ]
output [
  {{ name: "names", data_type: TYPE_STRING, dims: [ 2 ] }},
  {{ name: "scores", data_type: TYPE_FP32, dims: [ {first}2{rest} ] }}
]
instance_group [ {{ kind: KIND_CPU, count: 1 }} ]
version_policy: {{ all: {{ }} }}
"""

    def write(self, repository: Path) -> None:
        """Put it into a repository."""
        for version, above in self._above.items():
            place = repository / self.name / version
            place.mkdir(parents=True)
            body = f"        {self._body}"
            (place / "model.py").write_text(_MODEL.format(above=above, body=body))
        (repository / self.name / "config.pbtxt").write_text(self._config)


@contextmanager
def triton_serving(folder: Path) -> Iterator[str]:
    """The address of the models in ``folder / "models"``; skips where there is no such server."""
    python = os.environ.get(PYTHON, "")
    if not python:
        pytest.skip(f"Triton: set {PYTHON} to a Python that has nvidia-pytriton (300 MB)")
    found = subprocess.run([python, "-c", _WHERE], capture_output=True, check=True, text=True)
    package, version = found.stdout.split()
    server = Path(package) / "tritonserver"
    backend = folder / "backends" / "python"
    backend.mkdir(parents=True)
    for each in (server / "backends/python", server / "python_backend_stubs" / version):
        for file in each.iterdir():
            (backend / file.name).symlink_to(file)
    port = free_port()
    memory = f"pacs-triton-{os.getpid()}-{port}-"
    command = [
        str(server / "bin/tritonserver"),
        *("--model-repository", str(folder / "models")),
        *("--backend-directory", str(backend.parent)),
        *("--http-address", "127.0.0.1", "--http-port", str(port)),
        *("--allow-grpc", "false", "--allow-metrics", "false", "--exit-timeout-secs", "5"),
        *("--backend-config", f"python,shm-region-prefix-name={memory}"),
    ]
    environment = {
        "PATH": os.pathsep.join((str(Path(python).parent), os.environ["PATH"])),
        "LD_LIBRARY_PATH": str(Path(package).with_name("nvidia_pytriton.libs")),
    }
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(
            command, stdout=said, stderr=said, env=environment, start_new_session=True
        )
        try:
            wait_for_listener("127.0.0.1", port, seconds=_SECONDS)
            yield f"http://127.0.0.1:{port}/v2/models"
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # a model that is busy keeps it from ending
            process.wait()
            for left in Path("/dev/shm").glob(f"{memory}*"):  # 1 MB for each model
                left.unlink()
