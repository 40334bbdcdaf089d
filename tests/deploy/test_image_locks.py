"""What the image is made of: pinned, with hashes, and what the tests run."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from fixtures.torchserve import releases
from matrix.environments.locking import pins_in
from tests.matrix.runs import REPOSITORY

IMAGE = REPOSITORY / "deploy" / "image"
LOCKS = sorted((IMAGE / "locks").glob("*.txt"))
_TORCHSERVE = {path.stem.rpartition("-")[2]: path for path in LOCKS if path.stem != "build"}


def pins(path: Path) -> dict[str, str]:
    return {canonicalize_name(name): at for name, at in pins_in(path.read_text()).items()}


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: str(path.stem))
def test_each_package_has_hashes(path: Path) -> None:
    entries = re.split(r"^(?=\S+==)", path.read_text(), flags=re.MULTILINE)[1:]
    assert entries
    assert [each for each in entries if "--hash=sha256:" not in each] == []


def test_what_the_wrapper_is_built_with_has_hashes_too() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    found = pins(IMAGE / "locks" / "build.txt")
    for requirement in map(Requirement, project["build-system"]["requires"]):
        assert requirement.specifier.contains(found[canonicalize_name(requirement.name)])
    # Which uv checks, then.
    text = (IMAGE / "Dockerfile").read_text()
    (installed,) = re.findall(r"^RUN .*--no-deps (?:.|\\\n)*/opt/source", text, re.MULTILINE)
    assert "--build-constraints /opt/locks/build.txt" in installed


@pytest.mark.parametrize("torch", _TORCHSERVE)
def test_the_image_has_what_is_tested(torch: str) -> None:
    """TorchServe and its packages are those that the matrix runs beside the wrapper."""
    found = pins(_TORCHSERVE[torch])
    for requirement in map(Requirement, releases.find("0.12.0").requirements):
        pinned = found[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(pinned, prereleases=True), requirement


def test_only_the_build_without_cuda_has_none() -> None:
    cpu, cuda = (pins(_TORCHSERVE[name]) for name in ("cpu", "cuda"))
    assert cpu["torch"] == f"{cuda['torch']}+cpu"
    more = cuda.keys() - cpu.keys()
    assert more
    assert [each for each in more if not each.startswith(("cuda-", "nvidia-", "triton"))] == []
    assert cpu.keys() <= cuda.keys()


def test_one_sdk_is_the_default_everywhere() -> None:
    """An argument of a Dockerfile is given again in each stage that uses it."""
    text = (IMAGE / "Dockerfile").read_text()
    assert len(set(re.findall(r"^ARG KSERVE=(.+)$", text, re.MULTILINE))) == 1
    assert set(re.findall(r"torchserve-([0-9.]+)-\$", text)) == {"0.12.0"}
