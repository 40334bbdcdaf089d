"""The images of deploy/, built with what only this machine has, and one in an older design."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO

import docker
from docker.errors import ImageNotFound
from docker.utils.build import exclude_paths

from fixtures.torchserve import engine, image, packages, releases
from matrix.environments import provision
from tests.matrix.runs import REPOSITORY

COMMIT = "0" * 40
_REPOSITORY_OF_IMAGES = "kserve-torchserve-harness"
_LOCAL = "deploy/local"
# Where certificates of a proxy are told of, by those that fetch packages.
_CERTIFICATES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT")


def harness(client: docker.DockerClient, folder: Path, selection: str) -> str:
    """Build the harness's image and give its name.

    Args:
        folder: for what is only needed while it is built.
        selection: what is made along, as options of `run`.
    """
    return _build(client, folder, "harness", {"SELECTION": selection, "COMMIT": COMMIT})


def torchserve_kserve(client: docker.DockerClient, folder: Path, **arguments: str) -> str:
    """Build the image that people run, and give its name.

    Args:
        folder: for what is only needed while it is built.
        arguments: those of its Dockerfile.
    """
    # The builds of torch without CUDA are those of _LOCAL, or of the usual index.
    local = {} if _fetch_torch(client, folder) is None else {"TORCH_INDEX": ""}
    return _build(client, folder, "image", {"REVISION": COMMIT, **local, **arguments})


def published_design(client: docker.DockerClient, release: str) -> str:
    """Build an image in the design of the published ones, with the unfixed wrapper; give its name.

    Args:
        release: of the SDK in it, one that is run on the Python of Debian 12.
    """
    environment = provision.provision(release).python.parent.parent
    (site_packages,) = environment.glob("lib/python3.11/site-packages")
    sources = REPOSITORY / "fixtures"
    with tempfile.TemporaryFile() as context:
        with tarfile.open(fileobj=context, mode="w") as archive:
            archive.add(sources / "images" / "published", ".")
            archive.add(sources / "wrappers" / "unfixed.py", "unfixed.py")
            archive.add(site_packages, "site-packages")
        context.seek(0)
        return _built(
            client, context, "published", {"BASE": image.ensure(client, releases.find("0.12.0"))}
        )


def _build(
    client: docker.DockerClient, folder: Path, name: str, arguments: Mapping[str, str]
) -> str:
    """Build an image of deploy/; what the engine has of an earlier build is used again."""
    base = image.ensure_base(client, folder / "base.tar")
    with _context(_local(client, folder)) as context:
        return _built(
            client, context, name, {"BASE": base, **arguments}, f"deploy/{name}/Dockerfile"
        )


def _built(
    client: docker.DockerClient,
    context: IO[bytes],
    name: str,
    arguments: Mapping[str, str],
    dockerfile: str = "Dockerfile",
) -> str:
    tag = f"{_REPOSITORY_OF_IMAGES}/{name}:test"
    with _alone(name):
        before = _id(client, tag)
        client.images.build(
            fileobj=context,
            custom_context=True,
            dockerfile=dockerfile,
            tag=tag,
            buildargs=dict(arguments),
            rm=True,
            forcerm=True,
        )
        if before is not None and before != _id(client, tag):
            client.images.remove(before)
    return tag


@contextlib.contextmanager
def _alone(name: str) -> Iterator[None]:
    """Keep the session's other processes from building the same, and from removing what was."""
    path = Path(tempfile.gettempdir(), f"{_REPOSITORY_OF_IMAGES}-{name}.lock")
    with path.open("w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _id(client: docker.DockerClient, tag: str) -> str | None:
    try:
        return str(client.images.get(tag).id)
    except ImageNotFound:
        return None


def _local(client: docker.DockerClient, folder: Path) -> list[Path]:
    """Give what an index behind a proxy lacks: the proxy's certificates, and torch without CUDA."""
    local = folder / "local"
    local.mkdir(exist_ok=True)
    for name in _CERTIFICATES:
        if os.environ.get(name):
            (local / f"{name.lower()}.crt").write_bytes(Path(os.environ[name]).read_bytes())
    _fetch_torch(client, folder)
    return sorted(local.iterdir())


def _fetch_torch(client: docker.DockerClient, folder: Path) -> Path | None:
    """Fetch a build of torch without CUDA, where pip finds one; give its wheel."""
    local = folder / "local"
    local.mkdir(exist_ok=True)
    if not any(local.glob("torch-*.whl")):
        packages.make_environment(folder / "pip", sys.executable, [])
        (torch,) = (each for each in releases.find("0.12.0").requirements if each[:7] == "torch==")
        machine = engine.architecture(client)
        subprocess.run(
            [
                *(folder / "pip" / "bin" / "python", "-m", "pip", "download", "--quiet"),
                *("--no-deps", "--dest", local, "--only-binary", ":all:"),
                *("--python-version", "3.11", "--platform", f"manylinux_2_28_{machine}"),
                f"{torch}+cpu",
            ],
            stderr=subprocess.DEVNULL,
            check=False,
        )
    return next(local.glob("torch-*.whl"), None)


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
