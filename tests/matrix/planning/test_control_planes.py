"""What each control plane writes into a pod, against a table that was written out by hand."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from matrix.planning import axes, control_planes
from matrix.planning.axes import Axes, AxesError
from matrix.planning.control_planes import DECLARED, Pod, RuntimeKind, Way
from tests.matrix.planning import wrong_axes

REFUSED = None
NOTHING = Pod(None, "none")
UNSET_V1, UNSET_V2 = Pod(None, "kserve"), Pod(None, "kservev2")
V1, V2 = Pod("v1", "kserve"), Pod("v2", "kservev2")
GRPC_V1, GRPC_V2 = Pod("grpc-v1", "kserve"), Pod("grpc-v2", "kservev2")
# A runtime that admits grpc-v2, on a control plane that doesn't know its envelope.
GRPC_ON_V1 = Pod("grpc-v2", "kserve")

# By releases and kind of runtime: protocolVersion absent, v1, v2, grpc-v1, grpc-v2.
Row = tuple[Pod | None, ...]
_SILENT: Row = (UNSET_V1, UNSET_V1, UNSET_V2, UNSET_V1, UNSET_V1)
_UNKNOWN: Row = (NOTHING,) * 5
_SINCE_0_12: Row = (V1, V1, V2, GRPC_V1, GRPC_V2)
TABLE: dict[tuple[str, ...], dict[str, Row]] = {
    ("0.8.0", "0.8.0.1", "0.8.0.2"): {
        "stock": _SILENT,
        "namesake": _SILENT,
        "annotated": _UNKNOWN,
        "other": _UNKNOWN,
    },
    ("0.9.0", "0.10.0", "0.10.1", "0.10.2", "0.11.0"): {
        "stock": (UNSET_V1, UNSET_V1, UNSET_V2, UNSET_V1, REFUSED),
        "namesake": _SILENT,
        "annotated": _UNKNOWN,
        "other": _UNKNOWN,
    },
    ("0.11.1", "0.11.2"): {
        "stock": (V1, V1, V2, GRPC_V1, REFUSED),
        "namesake": (V1, V1, V2, GRPC_V1, GRPC_ON_V1),
        "annotated": _UNKNOWN,
        "other": _UNKNOWN,
    },
    ("0.12.0", "0.12.1", "0.13.0", "0.13.1", "0.14.0", "0.14.1", "0.15.0", "0.15.1", "0.15.2"): {
        "stock": (V1, V1, V2, REFUSED, GRPC_V2),
        "namesake": _SINCE_0_12,
        "annotated": _UNKNOWN,
        "other": _UNKNOWN,
    },
    ("0.16.0",): {
        "stock": (V1, V1, V2, REFUSED, GRPC_V2),
        "namesake": _SINCE_0_12,
        "annotated": _UNKNOWN,
        "other": _UNKNOWN,
    },
    ("0.17.0", "0.17.1", "0.18.0", "0.18.1", "0.19.0", "0.20.0", "0.21.0"): {
        "stock": (V1, V1, V2, REFUSED, GRPC_V2),
        "namesake": _SINCE_0_12,
        "annotated": _SINCE_0_12,
        "other": _UNKNOWN,
    },
    ("after-removal",): {
        "stock": (REFUSED,) * 5,
        "namesake": _UNKNOWN,
        "annotated": _UNKNOWN,
        "other": _UNKNOWN,
    },
}
CASES = [
    pytest.param(release, kind, declared, pod, id=f"{release}-{kind}-{declared}")
    for releases, kinds in TABLE.items()
    for release in releases
    for kind, row in kinds.items()
    for declared, pod in zip(DECLARED, row, strict=True)
]

IMAGES = {
    "0.8.0": "kserve/torchserve-kfs:0.5.3",
    "0.9.0": "pytorch/torchserve-kfs:0.6.0",
    "0.10.2": "pytorch/torchserve-kfs:0.7.0",
    "0.11.0": "pytorch/torchserve-kfs:0.8.0",
    "0.11.2": "pytorch/torchserve-kfs:0.8.2",
    "0.12.0": "pytorch/torchserve-kfs:0.9.0",
    "0.20.0": "pytorch/torchserve-kfs:0.9.0",
    "after-removal": None,
}


@pytest.fixture(scope="module")
def ours() -> Axes:
    return axes.load()


def test_the_table_has_every_release_and_every_kind(ours: Axes) -> None:
    named = [release for releases in TABLE for release in releases]
    assert named == [*ours.kserve, "after-removal"]
    assert all(list(kinds) == list(RuntimeKind) for kinds in TABLE.values())


@pytest.mark.parametrize(("release", "kind", "declared", "pod"), CASES)
def test_what_a_control_plane_writes(
    ours: Axes, release: str, kind: str, declared: str, pod: Pod | None
) -> None:
    assert ours.control_plane(release).pod(declared, RuntimeKind(kind)) == pod


@pytest.mark.parametrize(("release", "image"), IMAGES.items())
def test_the_image_of_the_stock_runtime(ours: Axes, release: str, image: str | None) -> None:
    assert ours.control_plane(release).image == image


@pytest.mark.parametrize(
    ("release", "kind", "pod"),
    [
        # Never set: the user's own stays.
        ("0.11.0", "stock", Pod("grpc-v2", "kserve")),
        # There twice: the control plane's comes last.
        ("0.11.1", "stock", V1),
        ("0.20.0", "annotated", V1),
        ("0.16.0", "annotated", Pod("grpc-v2", "none")),
        ("after-removal", "namesake", Pod("grpc-v2", "none")),
    ],
)
def test_a_protocol_version_of_the_users_own(ours: Axes, release: str, kind: str, pod: Pod) -> None:
    assert ours.control_plane(release).pod("v1", RuntimeKind(kind), own="grpc-v2") == pod


def test_the_ways_to_a_pod_are_those_that_lead_there(ours: Axes) -> None:
    planes = ours.control_planes
    pods = {pod for kinds in TABLE.values() for row in kinds.values() for pod in row if pod}
    told = {
        (way.plane.called, way.declared, way.runtime): pod
        for pod in pods
        for way in control_planes.ways(planes, pod)
        if way.own is None
    }
    every = itertools.product(planes, DECLARED, RuntimeKind)
    assert told == {
        (plane.called, declared, runtime): plane.pod(declared, runtime)
        for plane, declared, runtime in every
        if plane.pod(declared, runtime) is not None
    }


def test_the_only_ways_to_grpc_v2_with_envelope_kserve(ours: Axes) -> None:
    found = list(control_planes.ways(ours.control_planes, GRPC_ON_V1))
    alone = [way for way in found if way.own is None]
    namesake = Way(ours.control_plane("0.11.2"), "grpc-v2", RuntimeKind.NAMESAKE)
    assert alone == [namesake]
    # With a PROTOCOL_VERSION of one's own, where the control plane sets none beside the label.
    others = {way.plane.called for way in found if way.own == "grpc-v2"}
    assert others == {
        f"KServe {ours.control_plane(each).releases}"
        for each in ("0.8.0", "0.9.0", "0.10.0", "0.11.0")
    }


def test_v1_without_an_envelope_takes_a_value_of_ones_own(ours: Axes) -> None:
    found = list(control_planes.ways(ours.control_planes, Pod("v1", "none")))
    assert {way.own for way in found} == {"v1"}
    planes = {way.plane.called for way in found if way.runtime is RuntimeKind.OTHER}
    assert planes == {plane.called for plane in ours.control_planes}


def test_no_control_plane_leads_to_the_wrappers_own_envelope(ours: Axes) -> None:
    assert not list(control_planes.ways(ours.control_planes, Pod("v2", "kservev2_faithful")))


def test_a_pod_is_at_points_of_the_axes(ours: Axes) -> None:
    assert ours.arrived_at(NOTHING) == ("unset", "none")
    assert ours.arrived_at(GRPC_V1) == ("grpc-v1", "kserve")
    with pytest.raises(AxesError, match=r"axes\.toml has no PROTOCOL_VERSION 'v9'"):
        ours.arrived_at(Pod("v9", "none"))


@pytest.mark.parametrize(
    ("word", "near"), [("0.7.0", "; the nearest is 0.8.0"), ("newer", ""), ("0.x", ""), ("", "")]
)
def test_a_control_plane_that_is_none_is_told_with_those_there_are(
    ours: Axes, word: str, near: str
) -> None:
    told = f"'{word}' is no control plane of axes.toml: name a release of KServe from 0.8.0 on, or"
    with pytest.raises(AxesError) as refused:
        ours.control_plane(word)
    assert str(refused.value) == f"{told} after-removal{near}"


MISTAKES = {
    "no specifier": ('">=0.17"', '"since 0.17"', r"control_plane\[6\]\.releases: "),
    "unknown envelope": ('v1 = "kserve"', 'v1 = "json"', r"envelope\.v1: 'json' is not one of"),
    "unknown protocolVersion": ('"grpc-v1"]', '"grpc-v3"]', r"admits\[2\]: 'grpc-v3' is not one"),
    "nothing is written into known pods": (
        "known_by = []",
        'known_by = ["name"]',
        r"control_plane\[7\]: envelope is what is written into",
    ),
    "a runtime without an image": (
        'image = "pytorch/torchserve-kfs:0.6.0"\n',
        "",
        r"control_plane\[1\]: what has no image has no runtime",
    ),
    "two names": ('name = "after-removal"', 'name = "x"\nreleases = ">1"', r"control_plane\[7\]"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_entry_is_told_with_its_place(mistake: str, tmp_path: Path) -> None:
    wrong_axes.assert_is_told(MISTAKES[mistake], tmp_path)
