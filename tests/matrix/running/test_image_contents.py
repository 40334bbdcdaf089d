"""What an image under test has, as it is found, and what is said of one that can't be tested."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from fixtures.torchserve import RuntimeUnavailable, engine
from matrix.planning import axes, expectations, options, plan
from matrix.planning.subject import SubjectError
from matrix.probes import installed
from matrix.running import image_contents, starting
from matrix.running.image_contents import Contents, Found
from tests.matrix.telling import Matrix

OWN_ENVELOPES = ("json", "kserve", "kservev2")
ENVELOPES = axes.load().offered["envelope"]


def found(kserve: Sequence[str] = ("0.13.1",), torchserve: Sequence[str] = ("0.12.0",)) -> Found:
    versions = {"kserve": tuple(kserve), "torchserve": tuple(torchserve)}
    return Found("mine:1", "sha256:1", versions, OWN_ENVELOPES)


def chosen(kserve: Sequence[str], named: str = "", torchserve: str = "0.12.0") -> Contents:
    by_axis = {"kserve": [named] if named else [], "torchserve": []}
    return found(kserve, [torchserve]).chosen(by_axis)


def test_the_cells_are_of_what_the_image_has() -> None:
    contents = chosen(["0.13.1"], torchserve="0.8.1+cu121")
    own = contents.points(ENVELOPES)
    assert own == {
        "kserve": ("0.13.1",),
        "torchserve": ("0.8.1",),
        "envelope": ("kserve", "kservev2", "none"),
    }
    every = axes.load()
    assert "0.8.1" not in every.torchserve
    made = plan.make(
        every,
        expectations.load(),
        options.parsed(),
        "container",
        constructor_known=False,
        own=own,
    )
    points = {(cell.kserve, cell.torchserve) for cell in made.cells}
    assert points == {("0.13.1", "0.8.1")}
    envelopes = {cell.envelope for cell in made.cells}
    assert envelopes == {"kserve", "kservev2", "none"}


def test_an_engine_whose_containers_are_elsewhere_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(image_contents, "connect", lambda: None)
    monkeypatch.setattr(engine, "host", lambda: "docker")
    with pytest.raises(RuntimeUnavailable, match="are reached at docker, and an image under"):
        image_contents.of("mine:1")


def test_what_is_found_is_said() -> None:
    assert chosen(["0.13.1"]).sentence(ENVELOPES) == (
        "mine:1 (sha256:1) has the KServe SDK 0.13.1 and TorchServe 0.12.0; it has no envelope "
        "kservev2_faithful, nor cells of it"
    )


@pytest.mark.parametrize(
    ("kserve", "named", "told"),
    [
        ([], "", "mine:1: none of its Pythons has the package kserve"),
        (
            ["0.13.1"],
            "0.10.2",
            "--kserve 0.10.2: mine:1 has the KServe SDK 0.13.1: leave the option out",
        ),
        (
            ["0.10.2", "0.13.1"],
            "",
            "mine:1 has the KServe SDK 0.10.2 and 0.13.1: say which of them serves, with --kserve",
        ),
    ],
)
def test_what_cant_be_tested_is_told_in_one_line(kserve: list[str], named: str, told: str) -> None:
    with pytest.raises(SubjectError) as refused:
        chosen(kserve, named)
    assert str(refused.value) == told


def test_of_several_sdks_the_one_that_is_named_serves() -> None:
    assert chosen(["0.10.2", "0.13.1"], "0.10.2").kserve == "0.10.2"


def test_another_torchserve_than_the_images_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_contents, "of", lambda _: found())
    wanted = options.parsed(subject_image="mine:1", torchserve="0.9.0")
    with pytest.raises(SubjectError, match=r"--torchserve 0\.9\.0: mine:1 has TorchServe 0\.12\.0"):
        starting.make_plan(wanted)


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("--wrapper=mine", "--wrapper mine and --subject-image contradict each other: one of the"),
        ("--requirements=r.txt", "--requirements r.txt and --subject-image contradict each other"),
        ("--with=boto3", "--with boto3 and --subject-image contradict each other: an image has"),
        ("--ports=1,2", "--ports 1,2 and --subject-image contradict each other: a pod's ports"),
        ("--constructor=m:C", "--constructor m:C and --subject-image contradict each other"),
        ("--lock=l.txt", "--lock l.txt and --subject-image contradict each other: an image has"),
        ("--image=t:1", "--image t:1 and --subject-image contradict each other: an image has its"),
        ("--runtime=process", "--runtime process and --subject-image contradict each other"),
        ("--start=forked", "--start forked and --subject-image contradict each other"),
    ],
)
def test_what_an_image_cant_be_given_is_refused(option: str, told: str, matrix: Matrix) -> None:
    said = matrix("run", "--subject-image=mine:1", option)
    assert said.code == 2
    assert said.err.startswith(f"error: {told}")
    assert said.err.count("\n") == 1


def test_an_image_needs_a_name(matrix: Matrix) -> None:
    assert matrix("run", "--subject-image=").err == (
        "error: --subject-image is empty: write the name of an image\n"
    )


def test_an_image_needs_no_shards(matrix: Matrix) -> None:
    said = matrix("plan", "--subject-image=mine:1")
    assert said.code == 2
    assert "an image has the cells of one release, which need no plan" in said.err


def test_without_an_engine_nothing_is_known(
    matrix: Matrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    said = matrix("run", "--subject-image=nobody/has:this", "--list")
    assert said.code == 3
    assert said.err.startswith("error: no container engine answers")


def metadata(folder: Path, name: str, version: str, file: str = "METADATA") -> None:
    folder.mkdir(parents=True)
    (folder / file).write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nText\n")


def test_every_python_of_an_image_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = tmp_path / "opt" / "a" / "lib" / "site-packages"
    second = tmp_path / "usr" / "dist-packages"
    metadata(first / "kserve-0.13.1.dist-info", "kserve", "0.13.1")
    metadata(first / "kserve_more-1.dist-info", "kserve-more", "1")
    metadata(second / "KServe.egg-info", "KServe", "0.8.0", "PKG-INFO")
    metadata(tmp_path / "mnt" / "site-packages" / "kserve-9.dist-info", "kserve", "9")
    envelopes = second / "ts" / "torch_handler" / "request_envelope"
    envelopes.mkdir(parents=True)
    for name in ("__init__", "kserve", "mine"):
        (envelopes / f"{name}.py").touch()

    def walk(top: str) -> object:
        assert top == "/"
        return real_walk(tmp_path)

    real_walk = os.walk
    monkeypatch.setattr(os, "walk", walk)
    monkeypatch.setattr(installed, "_NOT_OF_THE_IMAGE", (tmp_path / "mnt",))
    monkeypatch.setattr(sys, "path", ["", str(tmp_path / "gone")])
    monkeypatch.setattr(sys, "argv", ["probe", "kserve", "torchserve"])
    installed.main()
    assert json.loads(capsys.readouterr().out) == {
        "kserve": ["0.13.1", "0.8.0"],
        "torchserve": [],
        "envelopes": ["kserve", "mine"],
    }


def test_the_probe_runs_by_its_text_alone() -> None:
    text = Path(installed.__file__).read_text(encoding="utf-8")
    # All of this machine is much more than an image.
    within = f"import os, sys; walk = os.walk; os.walk = lambda _: walk({sys.prefix!r}); "
    # As in an image: nothing of this repository is on the path.
    words = [sys.executable, "-I", "-c", f"{within}exec(sys.argv.pop(1))", text, "pytest"]
    ran = subprocess.run(words, capture_output=True, text=True, check=True, timeout=120)
    assert pytest.__version__ in json.loads(ran.stdout)["pytest"]
