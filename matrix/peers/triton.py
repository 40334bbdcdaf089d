"""Triton, of which PyTriton's wheel has the server and the Python backend: how it is started."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

from kserve_conformance import tensors
from kserve_conformance.results.verdict import Unprovisioned
from kserve_conformance.tensors import Declared

from matrix.environments.roster import FOLDER
from matrix.peers.place import Place, Start

_MODELS = FOLDER / "triton"
_SERVER = Path("pytriton", "tritonserver")
_STUB = "triton_python_backend_stub"
# Where the interpreter has its packages, its version, and its shared library, if it has one.
_QUESTION = (
    "import sysconfig; print(sysconfig.get_path('platlib')); "
    "print(sysconfig.get_python_version()); "
    "print(*sysconfig.get_config_vars('LIBDIR', 'INSTSONAME'), sep='/')"
)


def start(python: Path, place: Place) -> Start:
    """Write a model repository, and give what starts the server on it.

    Raises:
        Unprovisioned: when the interpreter has no shared library.
    """
    answer = subprocess.run(
        [python, "-I", "-c", _QUESTION], capture_output=True, text=True, check=True
    )
    packages, version, library = answer.stdout.splitlines()
    if ".so" not in library or not Path(library).exists():
        raise Unprovisioned(
            f"Triton's Python backend needs the shared library of Python {version}, which {python} "
            f"was built without ({library}): `uv python install {version}` brings one that has it"
        )
    server = Path(packages) / _SERVER
    models = list(_write_repository(place.folder / "models"))
    flags = {
        "model-repository": place.folder / "models",
        "backend-directory": _backends(place.folder / "backends", server, version),
        "http-address": "127.0.0.1",
        "http-port": place.http,
        "grpc-address": "127.0.0.1",
        "grpc-port": place.grpc,
        "allow-metrics": "false",
        # So that models can be unloaded and loaded by the protocol.
        "model-control-mode": "explicit",
        "backend-config": f"python,shm-region-prefix-name={place.mark}",
        # One of them never gets ready.
        "exit-on-error": "false",
    }
    argv = [str(server / "bin" / "tritonserver")]
    argv += [f"--{name}={value}" for name, value in flags.items()]
    argv += [f"--load-model={model}" for model in models]
    # To ask a model for the rest of its configuration takes two seconds, each time it is loaded.
    argv.append("--disable-auto-complete-config")
    return argv, {
        # What the backend starts for a model finds its Python by these alone.
        "PATH": f"{python.parent}:/usr/bin:/bin",
        "LD_LIBRARY_PATH": f"{Path(packages, 'nvidia_pytriton.libs')}:{Path(library).parent}",
    }


def configuration(head: str) -> str:
    """Give a model's configuration with its inputs and outputs, each of which has to be declared.

    Args:
        head: what is before them, in protobuf's text format.
    """
    return head + "".join(_declared(each) for each in tensors.declared())


def _write_repository(folder: Path) -> Iterator[str]:
    for head in sorted(_MODELS.glob("*.pbtxt")):
        version = folder / head.stem / "1"
        version.mkdir(parents=True)
        (version / "model.py").symlink_to(_MODELS / "contract_model.py")
        config = configuration(head.read_text(encoding="utf-8"))
        (version.parent / "config.pbtxt").write_text(config, encoding="utf-8")
        yield head.stem


def _backends(folder: Path, server: Path, version: str) -> Path:
    """Put the part of the Python backend that is of one version of Python beside the others."""
    backend = folder / "python"
    backend.mkdir(parents=True)
    stub = server / "python_backend_stubs" / version / _STUB
    for each in (*(server / "backends" / "python").iterdir(), stub):
        (backend / each.name).symlink_to(each)
    return folder


def _declared(each: Declared) -> str:
    kind = _kind(each.datatype)
    # What a model takes as an order it answers with a text.
    answered = kind if each.name.startswith("returned") else _kind("BYTES")
    dimensions = f"dims: {[-1] * each.dimensions}"
    return (
        f'input {{ name: "{each.name}" data_type: {kind} {dimensions} optional: true }}\n'
        f'output {{ name: "{each.name}" data_type: {answered} {dimensions} }}\n'
    )


def _kind(datatype: str) -> str:
    return f"TYPE_{'STRING' if datatype == 'BYTES' else datatype}"
