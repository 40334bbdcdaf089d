"""Images under test, in real containers: ours, and one in the design of those once published."""

from __future__ import annotations

from pathlib import Path

import docker
import pytest

from fixtures.torchserve import engine, image
from matrix.reports import by_control_plane
from matrix.reports.by_control_plane import Row
from matrix.reproduce.looking import WORDS
from matrix.results.states import State
from tests import deployed_images
from tests.matrix import runs

pytestmark = [pytest.mark.container, pytest.mark.integration, pytest.mark.timeout(1800)]

OLD = "0.13.1"


@pytest.fixture(scope="module")
def client() -> docker.DockerClient:
    return engine.connect()


def run(folder: Path, name: str, *arguments: str) -> runs.Ran:
    # A busy machine starts the JVM of each pod in minutes.
    return runs.run(folder, f"--subject-image={name}", "--start-timeout=300", *arguments)


def test_our_own_image_passes_all(client: docker.DockerClient, tmp_path: Path) -> None:
    name = deployed_images.torchserve_kserve(client, tmp_path)
    cells = ("unset-kserve", "grpc-v2-kservev2_faithful", "v3-kserve")
    chosen = [f"--cell=kserve0.16.0-{cell}-torchserve0.12.0" for cell in cells]
    ran = run(tmp_path, name, "--jobs=1", *chosen)
    assert ran.exit_code == 0, ran.output
    results = ran.results
    assert {record.axes["kserve"] for record in results.records} == {"0.16.0"}
    own = {record.check for record in results.records if record.verdict == "unsupported"}
    assert {"constructor", "effective-protocol"} <= own
    # Its own model comes, dies, is loaded and unloaded, and the pod ends.
    verdicts = ran.verdicts()
    for check in ("late-model", "worker-death", "model-failures", "full-queue", "repository"):
        assert verdicts.get(check, {"passed"}) == {"passed"}
    assert verdicts["refusal-time"] == {"passed"}
    digest = image.digest_of(client, name)
    told = results.header.wrapper
    assert (told["image"], told["digest"], told["kserve"]) == (name, digest, "0.16.0")
    assert {each["identity"] for each in results.header.torchserve} == {digest}
    assert f"{name} ({digest}) with KServe SDK 0.16.0: the run started" in ran.output


def test_the_published_design_has_the_bug_where_no_control_plane_sets_the_variable(
    client: docker.DockerClient, tmp_path: Path
) -> None:
    name = deployed_images.published_design(client, OLD)
    ran = run(
        tmp_path,
        name,
        *("--check=starts", "--check=v1-predict", "--jobs=1"),
        *(f"--cell=kserve{OLD}-{value}-kserve-torchserve0.12.0" for value in ("unset", "v1")),
    )
    assert ran.exit_code == 1, ran.output
    assert "it has no envelope kservev2_faithful, nor cells of it" in ran.output
    results = ran.results
    by_cell = {(each.axes["protocol"], each.check): each for each in results.records}
    verdicts = {key: str(record.verdict) for key, record in by_cell.items()}
    assert verdicts == {
        ("unset", "starts"): "passed",
        ("unset", "v1-predict"): "failed",
        ("v1", "starts"): "passed",
        ("v1", "v1-predict"): "passed",
    }
    (answer,) = by_cell["unset", "v1-predict"].evidence["exchanges"]
    assert WORDS in answer["response"]
    rows = {row.control_plane: row for row in by_control_plane.of([results])}
    states = {name: _state(row) for name, row in rows.items() if _state(row)}
    failing = {name for name, state in states.items() if state is State.FAILED}
    assert failing == {
        "KServe 0.8.0-0.8.0.2",
        "KServe 0.9.0",
        "KServe 0.10.0-0.10.2",
        "KServe 0.11.0",
    }
    others = {name: state for name, state in states.items() if name not in failing}
    assert others
    assert {*others.values()} == {State.PASSED}


def _state(row: Row) -> State | None:
    point = row.arrivals["v1"].point
    return None if point is None else point.state


def test_an_image_without_python_is_refused(client: docker.DockerClient, tmp_path: Path) -> None:
    base = image.ensure_base(client, tmp_path / "base.tar")
    ran = run(tmp_path, base, "--list")
    assert ran.exit_code == 2
    assert ran.output == (
        f"error: {base}: no Python can be run in it by user 1000, so that what it has isn't known\n"
    )
