"""A pod of an image under test, where its TorchServe is not as it should be."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest
from kserve_conformance.results.verdict import SubjectFailed, Unsupported

from fixtures.torchserve import Endpoints, Instance, WorkerCrashed, readiness
from matrix.planning import axes
from matrix.planning.cells import Cell
from matrix.planning.subject import Subject
from matrix.running import image_pod, late_model, ports
from matrix.running.image_pod import PodSituation, RunningPod
from matrix.running.image_stage import ImageStage
from matrix.running.quiet import Quiet

NOWHERE = Endpoints("127.0.0.1", 9, 9, 9, 9, 9)
CELL = Cell("0.13.1", "unset", "kserve", "0.12.0", "container")


@pytest.fixture
def stage(tmp_path: Path) -> ImageStage:
    subject = Subject.of_image("sha256:1", None)
    return ImageStage(
        subject, axes.load(), {}, tmp_path, {}, 1.0, {}, {}, {}, None, Quiet(tmp_path)
    )


class StandInPod:
    """A pod that runs, and whose TorchServe nobody reaches."""

    http_port, grpc_port = 9, 9

    def poll(self) -> None:
        return None

    def written(self) -> list[bytes]:
        return [b"started\n"]


@pytest.fixture
def running(tmp_path: Path) -> RunningPod:
    instance = Instance("0.12.0", "kserve", "container", NOWHERE, ("a",), "sha256:1")
    situation = PodSituation("sha256:1", "v1", "kserve", {}, frozenset(), {}, tmp_path)
    return RunningPod(StandInPod(), situation, instance)  # type: ignore[arg-type]


def test_a_torchserve_that_cant_be_asked_leaves_the_wrapper_to_be_asked(
    running: RunningPod, stage: ImageStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_pod._wait_for_torchserve(running, ["a"], timeout=0.1)
    assert not running.torchserve_told
    monkeypatch.setattr(ImageStage, "wrapper", lambda *_: running)
    with pytest.raises(Unsupported, match="TorchServe doesn't answer from outside of the pod at"):
        stage.instance(CELL)
    running.torchserve_told = True
    assert stage.instance(CELL) is running.instance


def test_a_model_that_crashes_in_the_pod_is_the_images_fault(
    running: RunningPod, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise WorkerCrashed("a worker crashes each time it is started:\nImportError: no torch")

    monkeypatch.setattr(readiness, "wait", crash)
    with pytest.raises(SubjectFailed, match="ImportError: no torch"):
        image_pod._wait_for_torchserve(running, ["a"], timeout=0.1)


def test_a_cells_own_model_has_no_worker_unless_it_is_waited_for(
    stage: ImageStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[PodSituation] = []
    monkeypatch.setattr(image_pod, "start", lambda each, *_: started.append(each))
    late = late_model.name_of(CELL)
    for wait_for in (["contract"], [late]):
        stage._start(CELL, wait_for)
    assert [each.idle for each in started] == [{late}, frozenset()]
    assert (started[0].protocol_version, started[0].envelope) == (None, "kserve")
    assert started[0].archives.keys() == {"contract", "digits", late}


def test_a_port_whose_proxy_hangs_up_is_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def hang_up() -> None:
            accepted, _ = server.accept()
            accepted.close()

        answering = threading.Thread(target=hang_up)
        answering.start()
        assert not ports.is_served(port)
        answering.join()
        # Nobody hangs up on this one: it waits to be accepted.
        assert ports.is_served(port)
