"""What is deployed on the desk: by which rules, and how it is told or refused."""

from __future__ import annotations

import pytest

from matrix.desk.deployment import Deployment, DeskError
from matrix.planning import axes
from matrix.planning.axes import Axes, AxesError
from matrix.planning.control_planes import Pod, RuntimeKind


@pytest.fixture(scope="module")
def known() -> Axes:
    return axes.load()


@pytest.mark.parametrize(
    ("plane", "declared", "runtime", "pod"),
    [
        ("0.9.0", "v2", None, Pod(None, "kservev2")),
        ("0.11.1", "grpc-v2", RuntimeKind.NAMESAKE, Pod("grpc-v2", "kserve")),
        ("0.20.0", "absent", None, Pod("v1", "kserve")),
        ("0.20.0", "v2", RuntimeKind.OTHER, Pod(None, "none")),
        ("after-removal", "v2", None, Pod(None, "none")),
    ],
)
def test_the_pod_is_that_of_the_control_plane(
    plane: str, declared: str, runtime: RuntimeKind | None, pod: Pod, known: Axes
) -> None:
    assert Deployment.asked(plane, declared, runtime, known).pod == pod


def test_what_is_written_into_the_pod_is_told(known: Axes) -> None:
    told = list(Deployment.asked("0.13.1", "grpc-v2", None, known).lines())
    arguments = (
        "torchserve --start --model-store=/mnt/models/model-store "
        "--ts-config=/mnt/models/config/config.properties"
    )
    assert told == [
        "an InferenceService with protocolVersion grpc-v2, run by KServe's own runtime",
        "written into its pod by the control plane KServe 0.13.1 (source: v0.12.0 to v0.16.0):",
        "  TS_SERVICE_ENVELOPE=kservev2",
        "  PROTOCOL_VERSION=grpc-v2",
        f"  arguments: {arguments}",
        "  image: pytorch/torchserve-kfs:0.9.0",
    ]


def test_what_is_not_written_is_told_as_such(known: Axes) -> None:
    told = list(Deployment.asked("after-removal", "absent", None, known).lines())
    assert told[0] == (
        "an InferenceService without protocolVersion, run by a runtime of another name without the "
        "annotation serving.kserve.io/server-type: torchserve"
    )
    assert told[2:4] == ["  TS_SERVICE_ENVELOPE=(empty)", "  PROTOCOL_VERSION is not set"]
    assert told[4].startswith("  arguments and image: those of your runtime, such as torchserve ")


def test_a_protocol_version_that_the_runtime_lacks_is_refused_with_the_way_out(known: Axes) -> None:
    with pytest.raises(DeskError) as refused:
        Deployment.asked("0.9.0", "grpc-v2", None, known)
    assert str(refused.value) == (
        "--protocol-version grpc-v2: the TorchServe runtime of KServe 0.9.0 admits grpc-v1, v1, "
        "v2; a runtime of your own may admit it, too: --serving-runtime namesake"
    )


def test_a_runtime_that_is_gone_is_refused_with_those_that_are_there(known: Axes) -> None:
    with pytest.raises(DeskError, match=r"--serving-runtime is one of namesake, annotated, other$"):
        Deployment.asked("after-removal", "v2", RuntimeKind.STOCK, known)


def test_an_unknown_control_plane_is_told_with_the_nearest(known: Axes) -> None:
    with pytest.raises(AxesError, match=r"from 0\.8\.0 on, .*; the nearest is after-removal$"):
        Deployment.asked("after-remval", "v2", None, known)
