"""The images of deploy/, built with what only this machine has, and one in an older design."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import docker
from docker.errors import ImageNotFound
from docker.models.images import Image
from docker.utils.build import exclude_paths

from fixtures import cache
from fixtures.torchserve import engine, image, packages, releases
from matrix.environments import provision
from tests.matrix.runs import REPOSITORY

COMMIT = "0" * 40
_REPOSITORY_OF_IMAGES = "kserve-torchserve-harness"
_LOCAL = "deploy/local"
# The label by which an image tells what it was made from.
_MADE_FROM = f"{_REPOSITORY_OF_IMAGES}.made-from"
# Where certificates of a proxy are told of, by those that fetch packages.
_CERTIFICATES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT")


def harness(client: docker.DockerClient, folder: Path, selection: str) -> str:
    """Build the harness's image and give its name.

    Args:
        folder: for what is only needed while it is built.
        selection: what is made along, as options of `run`.
    """
    return _deployed(client, folder, "harness", {"SELECTION": selection, "COMMIT": COMMIT})


def torchserve_kserve(client: docker.DockerClient, folder: Path, **arguments: str) -> str:
    """Build the image that people run, and give its name.

    Args:
        folder: for what is only needed while it is built.
        arguments: those of its Dockerfile.
    """
    return _deployed(client, folder, "image", {"REVISION": COMMIT, **arguments})


def published_design(client: docker.DockerClient, release: str) -> str:
    """Build an image in the design of the published ones, with the unfixed wrapper; give its name.

    Args:
        release: of the SDK in it, one that is run on the Python of Debian 12.
    """
    environment = provision.provision(release).python.parent.parent
    (site_packages,) = environment.glob("lib/python3.11/site-packages")
    published = REPOSITORY / "fixtures" / "images" / "published"
    unfixed = REPOSITORY / "fixtures" / "wrappers" / "unfixed.py"
    base = image.ensure(client, releases.find("0.12.0"))

    def fill(archive: tarfile.TarFile) -> dict[str, str]:
        archive.add(published, ".")
        archive.add(unfixed, unfixed.name)
        archive.add(site_packages, "site-packages")
        return {"BASE": base}

    # An environment is named for all that it is made of.
    sources = (*sorted(published.iterdir()), unfixed)
    made_from = cache.digest(environment.name, image.digest_of(client, base), *sources)
    return _built(client, "published", made_from, fill)


def _deployed(
    client: docker.DockerClient, folder: Path, name: str, arguments: Mapping[str, str]
) -> str:
    """Build an image of deploy/; what the engine has of an earlier build is used again."""
    base = image.ensure_base(client, folder / "base.tar")
    files = _files()

    def fill(archive: tarfile.TarFile) -> dict[str, str]:
        for file in files:
            archive.add(REPOSITORY / file, file, recursive=False)
        local = _local(client, folder)
        for path in local:
            archive.add(path, f"{_LOCAL}/{path.name}")
        # The builds of torch without CUDA are those of _LOCAL, or of the usual index.
        fetched = name == "image" and any(path.suffix == ".whl" for path in local)
        return {"BASE": base, **({"TORCH_INDEX": ""} if fetched else {}), **arguments}

    given = (json.dumps(arguments), *_certificates().values(), *_told(files))
    made_from = cache.digest(image.digest_of(client, base), *given)
    return _built(client, name, made_from, fill, dockerfile=f"deploy/{name}/Dockerfile")


def _built(
    client: docker.DockerClient,
    name: str,
    made_from: str,
    fill: Callable[[tarfile.TarFile], Mapping[str, str]],
    dockerfile: str = "Dockerfile",
) -> str:
    """Build an image, where the engine has none that was made from the same; give its name.

    Args:
        made_from: what tells this from other contents of the image.
        fill: puts what is built from into an archive, and gives the arguments of the Dockerfile.
    """
    tag = f"{_REPOSITORY_OF_IMAGES}/{name}:test"
    with _alone(name):
        before = _find(client, tag)
        if before is not None and before.labels.get(_MADE_FROM) == made_from:
            return tag
        with tempfile.TemporaryFile() as context:
            with tarfile.open(fileobj=context, mode="w") as archive:
                arguments = fill(archive)
            context.seek(0)
            client.images.build(
                fileobj=context,
                custom_context=True,
                dockerfile=dockerfile,
                tag=tag,
                buildargs=dict(arguments),
                labels={_MADE_FROM: made_from},
                rm=True,
                forcerm=True,
            )
        # Whatever this one was built upon is in its history.
        needed = {layer["Id"] for layer in client.images.get(tag).history()}
        if before is not None and before.id not in needed:
            client.images.remove(str(before.id))
    return tag


@contextlib.contextmanager
def _alone(name: str) -> Iterator[None]:
    """Keep the session's other processes from building the same, and from removing what was."""
    path = Path(tempfile.gettempdir(), f"{_REPOSITORY_OF_IMAGES}-{name}.lock")
    with path.open("w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _find(client: docker.DockerClient, tag: str) -> Image | None:
    try:
        found: Image = client.images.get(tag)
    except ImageNotFound:
        return None
    return found


def _certificates() -> dict[str, bytes]:
    """Give those of a proxy, by the name of the file that an image has them in."""
    told = {name: os.environ.get(name) for name in _CERTIFICATES}
    return {f"{name.lower()}.crt": Path(path).read_bytes() for name, path in told.items() if path}


def _local(client: docker.DockerClient, folder: Path) -> list[Path]:
    """Give what an index behind a proxy lacks: the proxy's certificates, and torch without CUDA."""
    local = folder / "local"
    local.mkdir(exist_ok=True)
    for name, content in _certificates().items():
        (local / name).write_bytes(content)
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
    return sorted(local.iterdir())


def _files() -> list[str]:
    """List what of the repository is built from, as its .dockerignore has it."""
    lines = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines()
    ignored = [line for line in lines if not line.startswith("#")]
    return sorted(exclude_paths(str(REPOSITORY), ignored))


def _told(files: Iterable[str]) -> Iterator[str | Path]:
    """Give what tells files of the repository from others: names, modes and contents."""
    for name in files:
        path = REPOSITORY / name
        yield f"{name} {path.lstat().st_mode}"
        if path.is_file():
            yield path
