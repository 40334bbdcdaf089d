"""The files of a pod: where the configuration says that they are, and at the pod's own paths."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kserve_conformance.results.verdict import SubjectFailed

from fixtures import models
from fixtures.torchserve import Endpoints
from matrix.planning.subject import Subject
from matrix.running import launch, pod_files
from matrix.running.launch import Situation

PYTHON = Path(sys.executable)
NOWHERE = Endpoints("127.0.0.1", 9, 9, 9, 9, 9)

_WHY = pod_files.only_where_named()
needs_namespaces = pytest.mark.skipif(_WHY is not None, reason=f"this kernel says: {_WHY}")
LISTED = """
import json, os, pathlib
models = pathlib.Path("/mnt/models")
print(json.dumps({
    "same": models.joinpath("config/config.properties").read_text()
    == pathlib.Path(os.environ["CONFIG_PATH"]).read_text(),
    "archive": models.joinpath("model-store/a.mar").read_text(),
    "user": os.getuid(),
    "capable": pathlib.Path("/proc/self/status").read_text().split("CapEff:")[1].split()[0],
    "/mnt": sorted(os.listdir("/mnt")),
}))
"""


def situation(folder: Path) -> Situation:
    archive = folder / "source.mar"
    archive.write_text(folder.name)
    return Situation(None, "kserve", NOWHERE, ("a", "b"), folder / "cell", archives={"a": archive})


def listed(folder: Path) -> dict[str, object]:
    """Start a wrapper that tells what it finds, and give that."""
    folder.mkdir(exist_ok=True)
    script = folder / "script.py"
    script.write_text(LISTED)
    around = situation(folder)
    with launch.situation_log(around) as log:
        subject = Subject("script", f"{{python}} {script}", None)
        process = launch.spawn(subject, subject.argv(PYTHON, 1, 2), around, log, log)
        process.wait(30)
    told: dict[str, object] = json.loads(around.log.read_text())
    return told


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make this a machine whose kernel allows no namespaces."""
    monkeypatch.setattr(pod_files, "only_where_named", lambda: "Operation not permitted")
    return iter(())


def test_the_model_store_that_is_named_holds_the_archives(tmp_path: Path) -> None:
    environment = situation(tmp_path).environment()
    lines = Path(environment["CONFIG_PATH"]).read_text().splitlines()
    (store,) = (Path(line[12:]) for line in lines if line.startswith("model_store="))
    assert [each.name for each in store.iterdir()] == ["a.mar"]
    assert (store / "a.mar").read_text() == tmp_path.name


def test_what_is_declared_of_tensors_is_beside_the_configuration(tmp_path: Path) -> None:
    plain = situation(tmp_path)
    beside = Path(plain.environment()["CONFIG_PATH"]).with_name("signatures.json")
    assert not beside.exists()
    declared = dataclasses.replace(plain, signatures=models.SIGNATURES)
    declared.environment()
    assert beside.read_text() == models.SIGNATURES.read_text()


def test_it_is_written_again_for_another_start(tmp_path: Path) -> None:
    situation(tmp_path).environment()
    assert situation(tmp_path).environment()["CONFIG_PATH"]


@needs_namespaces
def test_wrappers_side_by_side_have_their_own_at_the_same_path(tmp_path: Path) -> None:
    there = sorted(each.name for each in Path("/mnt").iterdir())
    told = [listed(tmp_path / name) for name in ("one", "other")]
    assert [each["same"] for each in told] == [True, True]
    assert [each["archive"] for each in told] == ["one", "other"]
    assert told[0]["/mnt"] == sorted({*there, "models"})
    assert sorted(each.name for each in Path("/mnt").iterdir()) == there


@needs_namespaces
def test_it_stays_the_same_user_and_can_no_more(tmp_path: Path) -> None:
    own = Path("/proc/self/status").read_text().split("CapEff:")[1].split()[0]
    told = listed(tmp_path)
    assert (told["user"], told["capable"]) == (os.getuid(), own)


@pytest.mark.usefixtures("refused")
def test_a_machine_without_namespaces_says_so_where_a_wrapper_needs_them(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("open('/mnt/models/config/config.properties')")
    subject = Subject("script", f"{{python}} {script}", None)
    with pytest.raises(SubjectFailed, match="/mnt/models can't be had on this machine") as failed:
        launch.start(subject, PYTHON, situation(tmp_path), ("a",))
    assert "(Operation not permitted)" in str(failed.value)


@pytest.mark.usefixtures("refused")
def test_it_says_nothing_where_a_wrapper_fails_of_something_else() -> None:
    assert pod_files.hint("ModuleNotFoundError: No module named 'boto3'") == ""


def test_trying_it_tells_why_it_is_not_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 1, "", "a mount namespace: Operation not permitted")

    monkeypatch.setattr(subprocess, "run", run)
    pod_files.only_where_named.cache_clear()
    try:
        assert pod_files.only_where_named() == "a mount namespace: Operation not permitted"
    finally:
        pod_files.only_where_named.cache_clear()
