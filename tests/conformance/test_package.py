"""The suite as others get it: a wheel, installed where nothing of this repository is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator, Mapping
from email import message_from_bytes
from pathlib import Path

import pytest
from kserve_conformance import VERSION
from kserve_conformance.results import results_file

from matrix.environments import uv_tool
from tests import servers
from tests.servers import RightServer, state

REPOSITORY = Path(__file__).resolve().parents[2]
CONFORMANCE = REPOSITORY / "conformance"
PACKAGE = CONFORMANCE / "kserve_conformance"
DIST_INFO = f"kserve_conformance-{VERSION}.dist-info"
LARGEST = 2**20
MOST_DEPENDENCIES = 12
# What the rest of this repository needs, and nobody who judges a server.
NOT_NEEDED = {"torch", "docker", "testcontainers", "scipy", "uv", "aiohttp"}

pytestmark = pytest.mark.integration


def _build(folder: Path) -> dict[str, bytes]:
    """Build a copy of the package's folder, and give its wheel and its sdist by name."""
    skipped = shutil.ignore_patterns("__pycache__", "claims", "build", "dist")
    # Each file is as new as the copy.
    shutil.copytree(CONFORMANCE, folder, ignore=skipped, copy_function=shutil.copyfile)
    out = folder.with_name(f"{folder.name}-built")
    epoch = {"SOURCE_DATE_EPOCH": "1700000000"}
    uv_tool.run("build", "--out-dir", out, folder, environment=epoch)
    return {path.name: path.read_bytes() for path in out.glob("kserve_conformance-*")}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel") / "sources"
    name = f"kserve_conformance-{VERSION}-py3-none-any.whl"
    assert name in _build(folder)
    return folder.with_name("sources-built") / name


@pytest.fixture(scope="module")
def scripts(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of the programs of an environment that has the wheel and nothing else."""
    environment = tmp_path_factory.mktemp("empty") / "environment"
    uv_tool.run("venv", environment)
    uv_tool.run("pip", "install", "--python", environment / "bin" / "python", wheel)
    return environment / "bin"


@pytest.fixture(scope="module")
def server() -> Iterator[RightServer]:
    with servers.running() as right:
        yield right


@pytest.fixture
def target(server: RightServer) -> list[str]:
    known = ["--not-ready-model", state.NOT_READY, "--spare-model", state.SPARE]
    asked = ["--target", server.url, "--grpc-target", server.grpc_target, "--model", state.MODEL]
    return [*asked, *known]


def _run(*command: str | Path, cwd: Path) -> str:
    """Run a program in an empty folder, and give what it wrote once it has ended with 0."""
    environment = {name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ}
    ran = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=250
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def _metadata(wheel: Path) -> Mapping[str, list[str]]:
    with zipfile.ZipFile(wheel) as archive:
        message = message_from_bytes(archive.read(f"{DIST_INFO}/METADATA"))
    return {name: message.get_all(name, []) for name in message}


def test_two_builds_give_the_same_bytes(wheel: Path, tmp_path: Path) -> None:
    again = _build(tmp_path / "again")
    assert again == {path.name: path.read_bytes() for path in wheel.parent.glob("kserve_*")}
    assert {name.rpartition(".")[2] for name in again} == {"whl", "gz"}


def test_the_wheel_holds_the_package_and_its_licence(wheel: Path) -> None:
    assert wheel.stat().st_size <= LARGEST
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        licence = archive.read(f"{DIST_INFO}/licenses/LICENSE")
    assert {name for name in names if not name.startswith(DIST_INFO)} == {
        str(path.relative_to(CONFORMANCE))
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert licence == (REPOSITORY / "LICENSE").read_bytes()
    metadata = _metadata(wheel)
    assert metadata["License-Expression"] == ["Apache-2.0"]
    assert metadata["Version"] == [VERSION]


def test_it_needs_little(wheel: Path, scripts: Path) -> None:
    assert len(_metadata(wheel)["Requires-Dist"]) <= MOST_DEPENDENCIES
    listed = uv_tool.run("pip", "freeze", "--python", scripts / "python")
    installed = set(re.findall(r"^[\w.-]+", listed, re.MULTILINE))
    assert "hypothesis" in installed
    assert not installed & NOT_NEEDED


def test_every_module_can_be_imported(scripts: Path, tmp_path: Path) -> None:
    program = (
        "import importlib, pkgutil, kserve_conformance as suite\n"
        "for each in pkgutil.walk_packages(suite.__path__, 'kserve_conformance.'):\n"
        "    if not each.name.endswith('__main__'):\n"
        "        print(importlib.import_module(each.name).__name__)\n"
    )
    imported = _run(scripts / "python", "-c", program, cwd=tmp_path)
    assert "kserve_conformance.strategies.valid\n" in imported


def test_its_console_script_judges_a_server(
    scripts: Path, target: list[str], tmp_path: Path
) -> None:
    told = _run(scripts / "kserve-conformance", "run", "--strict", *target, cwd=tmp_path)
    assert "v1: conforms\nv2: conforms\ngrpc: conforms\n" in told
    run = results_file.read(tmp_path / "results" / "conformance" / "results.jsonl")
    assert run.header.commit is None
    assert run.header.suite == VERSION


def test_its_module_judges_a_server(scripts: Path, target: list[str], tmp_path: Path) -> None:
    module = (scripts / "python", "-m", "kserve_conformance")
    told = _run(*module, "run", *target, "--check", "V2-META", cwd=tmp_path)
    assert re.search(r"^\d+ checks: \d+ passed$", told, re.MULTILINE)


def test_pytest_judges_a_server_with_it(scripts: Path, target: list[str], tmp_path: Path) -> None:
    suite = (scripts / "pytest", "--pyargs", "kserve_conformance")
    told = _run(*suite, *target, "-k", "V2-META", cwd=tmp_path)
    assert re.search(r"\d+ passed, \d+ deselected", told)


def test_its_page_is_printed(scripts: Path, tmp_path: Path) -> None:
    page = (REPOSITORY / "docs" / "statements.md").read_text(encoding="utf-8")
    assert _run(scripts / "kserve-conformance", "page", cwd=tmp_path) == page
    assert not list(tmp_path.iterdir())
