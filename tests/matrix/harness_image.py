"""The image of deploy/harness/Dockerfile, built with what only this machine has."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import docker
from docker.errors import ImageNotFound
from docker.utils.build import exclude_paths

from fixtures.torchserve import engine, image, packages, releases
from tests.matrix.runs import REPOSITORY

NAME = "kserve-torchserve-harness/harness:test"
COMMIT = "0" * 40
_DOCKERFILE = "deploy/harness/Dockerfile"
_LOCAL = "deploy/harness/local"
# Where certificates of a proxy are told of, by those that fetch packages.
_CERTIFICATES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT")


def build(client: docker.DockerClient, folder: Path, selection: str) -> str:
    """Build the image and give its name; what the engine has of an earlier build is used again.

    Args:
        folder: for what is only needed while it is built.
        selection: what is made along, as options of `run`.
    """
    arguments = {
        "BASE": image.ensure_base(client, folder / "base.tar"),
        "SELECTION": selection,
        "COMMIT": COMMIT,
    }
    before = _id(client)
    with _context(_local(client, folder)) as context:
        client.images.build(
            fileobj=context,
            custom_context=True,
            dockerfile=_DOCKERFILE,
            tag=NAME,
            buildargs=arguments,
            rm=True,
            forcerm=True,
        )
    if before is not None and before != _id(client):
        client.images.remove(before)
    return NAME


def _id(client: docker.DockerClient) -> str | None:
    try:
        return str(client.images.get(NAME).id)
    except ImageNotFound:
        return None


def _local(client: docker.DockerClient, folder: Path) -> list[Path]:
    """Give what an index behind a proxy lacks: the proxy's certificates, and torch without CUDA."""
    local = folder / "local"
    local.mkdir()
    for name in _CERTIFICATES:
        if os.environ.get(name):
            (local / f"{name.lower()}.crt").write_bytes(Path(os.environ[name]).read_bytes())
    packages.make_environment(folder / "pip", sys.executable, [])
    (torch,) = (each for each in releases.find("0.12.0").requirements if each[:7] == "torch==")
    machine = engine.architecture(client)
    # Where pip finds no such build, uv finds one when the image is built.
    subprocess.run(
        [
            *(folder / "pip" / "bin" / "python", "-m", "pip", "download", "--quiet", "--no-deps"),
            *("--dest", local, "--only-binary", ":all:", "--python-version", "3.11"),
            *("--platform", f"manylinux_2_28_{machine}", f"{torch}+cpu"),
        ],
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return sorted(local.iterdir())


def _context(local: Iterable[Path]) -> IO[bytes]:
    """Give what is built from: the repository, as its .dockerignore has it, and more for _LOCAL."""
    lines = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines()
    ignored = [line for line in lines if not line.startswith("#")]
    whole = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    with tarfile.open(fileobj=whole, mode="w") as archive:
        for name in sorted(exclude_paths(str(REPOSITORY), ignored)):
            archive.add(REPOSITORY / name, name, recursive=False)
        for path in local:
            archive.add(path, f"{_LOCAL}/{path.name}")
    whole.seek(0)
    return whole
