"""What deploy/leaving-torchserve-kfs.md says beside its commands: each sentence has its check here.

A sentence that is changed has none until somebody has looked at it again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fixtures.pods import ARGUMENTS
from matrix.planning import axes
from matrix.planning.control_planes import ABSENT, RuntimeKind
from tests.deploy import manifests, test_around, test_leaving
from tests.deploy.manifests import MODES, PROTOCOLS, Manifest
from tests.deploy.test_control_planes import NEEDED, STOCK_NAME
from tests.matrix.runs import REPOSITORY

PAGE = REPOSITORY / "deploy" / "leaving-torchserve-kfs.md"
RUNTIMES = {protocol: manifests.one("runtimes", protocol) for protocol in PROTOCOLS}
# Those that have a stock runtime.
PLANES = [plane for plane in axes.load().control_planes if plane.image is not None]

_CHECKS: dict[str, Callable[[], None]] = {}


def says(sentence: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Have a function check what the page says, in these words."""

    def keep(check: Callable[[], None]) -> Callable[[], None]:
        _CHECKS[sentence] = check
        return check

    return keep


def sentences() -> Iterator[str]:
    """Give the page's paragraphs and the rows of its table, without headings and commands."""
    text = re.sub(r"```sh\n.*?```", "", PAGE.read_text("utf-8"), flags=re.DOTALL)
    for block in re.split(r"\n\s*\n", text):
        lines = block.strip().splitlines()
        if lines and lines[0].startswith("|"):
            yield from lines[2:]
        elif lines and not lines[0].startswith("#"):
            yield " ".join(lines)


def container(protocol: str) -> Any:
    (only,) = RUNTIMES[protocol]["spec"]["containers"]
    return only


def places(value: Any, place: str = "") -> dict[str, Any]:
    """Give each value that isn't a mapping, by where it is."""
    if not isinstance(value, dict):
        return {place: value}
    return {
        at: each for name, it in value.items() for at, each in places(it, f"{place}.{name}").items()
    }


@says(
    "Your models, their archives and `config.properties` stay as they are. What changes is the "
    "image, and that you name its runtime."
)
def _nothing_else_changes() -> None:
    before = places(test_leaving.BEFORE)
    for after in map(places, test_leaving.moves()):
        changed = {at for at in before.keys() | after.keys() if before.get(at) != after.get(at)}
        model = ".spec.predictor.model"
        label = ".metadata.labels.app.kubernetes.io/name"
        assert changed == {f"{model}.runtime", f"{model}.protocolVersion", label}
    # Where the models and the file are, from KServe 0.9 to 0.20.
    assert all(tuple(container(each)["args"]) == ARGUMENTS for each in PROTOCOLS)


@says(
    "**1. Make the runtimes**, with your registry and tag in "
    "[the kustomization](kserve/install/kustomization.yaml):"
)
def _the_kustomization_names_the_image() -> None:
    (kustomization,) = manifests.read(manifests.FOLDER / "install" / manifests.KUSTOMIZATION)
    (image,) = kustomization["images"]
    assert {f"{image['name']}:TAG"} == {container(each)["image"] for each in PROTOCOLS}
    assert {"newName", "newTag"} <= image.keys()


@says("**2. Move a service**, by the protocol that it declares (none is `v1`):")
def _a_service_goes_on_to_speak_what_it_spoke() -> None:
    for plane in PLANES:
        declared = [ABSENT, "v1", "v2"]
        # Before 0.12 a service of grpc-v2 is refused, or is none that was ever answered.
        if plane.sets_protocol_version and "grpc-v2" in plane.admits:
            declared.append("grpc-v2")
        for each in declared:
            _, envelope = NEEDED["v1" if each == ABSENT else each]
            assert plane.envelope[each] == envelope, plane.called


@says(
    "In your own files `predictor.pytorch` becomes `predictor.model` with "
    "`modelFormat: {name: pytorch}`, which is what KServe makes of it, too. The [raw](kserve/raw), "
    "[serverless](kserve/serverless) and [self-contained](kserve/self-contained) files show whole "
    "services."
)
def _the_files_show_it() -> None:
    for mode in MODES:
        for protocol in PROTOCOLS:
            predictor = manifests.one(mode, protocol)["spec"]["predictor"]
            assert "pytorch" not in predictor
            if mode != "self-contained":
                assert predictor["model"]["modelFormat"] == {"name": "pytorch"}


@says("**3. Go back**, if you have to, while KServe still has its runtime:")
def _the_way_back_is_open_to_what_was_moved() -> None:
    *_, (_, back) = test_leaving.patches("inferenceservice")
    for moved in test_leaving.moves():
        model = test_leaving.merged(moved, back)["spec"]["predictor"]["model"]
        assert model["runtime"] == STOCK_NAME
        # The newest of those that still have one.
        pod = PLANES[-1].pod(model["protocolVersion"], RuntimeKind.STOCK)
        assert pod is not None
        assert (pod.protocol_version, pod.envelope) == NEEDED[model["protocolVersion"]]


@says("**4. Once KServe has no such runtime**, services that name none can find these:")
def _until_then_they_find_kserves() -> None:
    (removed,) = (plane for plane in axes.load().control_planes if plane.image is None)
    assert removed.pod("v1", RuntimeKind.STOCK) is None
    formats = [each["spec"]["supportedModelFormats"][0] for each in RUNTIMES.values()]
    assert [each["autoSelect"] for each in formats] == [False] * len(PROTOCOLS)


@says(
    "| `PROTOCOL_VERSION` and the label `serviceEnvelope` come from KServe, or don't "
    "| both stand in the runtime |"
)
def _the_runtime_says_both() -> None:
    assert {plane.sets_protocol_version for plane in PLANES} == {True, False}
    for protocol in PROTOCOLS:
        told = {each["name"]: each["value"] for each in container(protocol)["env"]}
        assert (told["PROTOCOL_VERSION"], told["TS_SERVICE_ENVELOPE"]) == NEEDED[protocol]


def image_of(runtime: Manifest, version: str | None, has_gpu: bool) -> str:
    """Do what KServe does to the image, from 0.10 to 0.20 (UpdateImageTag)."""
    (only,) = runtime["spec"]["containers"]
    name, _, tag = only["image"].rpartition(":")
    known = runtime["metadata"]["name"] == STOCK_NAME or (
        runtime["metadata"].get("annotations", {}).get("serving.kserve.io/server-type")
        == "torchserve"
    )
    return f"{name}:{version or (f'{tag}-gpu' if has_gpu and known else tag)}"


@says(
    "| KServe adds `-gpu` to the image's tag where a GPU is asked for "
    "| name the tag in full; `runtimeVersion` sets it for one service |"
)
def _no_tag_is_changed() -> None:
    for runtime in RUNTIMES.values():
        (only,) = runtime["spec"]["containers"]
        assert image_of(runtime, None, True) == only["image"]
        assert image_of(runtime, "2", True) == f"{only['image'].rpartition(':')[0]}:2"
        stock = {**runtime, "metadata": {"name": STOCK_NAME}}
        assert image_of(stock, None, True) == f"{only['image']}-gpu"


@says(
    "| KServe's metrics aggregation scrapes TorchServe's 8082 "
    "| it scrapes the wrapper's 8080; the PodMonitor has both |"
)
def _nothing_leads_the_aggregation_elsewhere() -> None:
    # The stock runtime has such annotations; without them KServe takes 8080, whichever port a
    # container declares (pkg/webhook/admission/pod/metrics_aggregate_injector.go).
    for runtime in RUNTIMES.values():
        annotations = {
            **runtime["metadata"].get("annotations", {}),
            **runtime["spec"].get("annotations", {}),
        }
        assert not [name for name in annotations if name.startswith("prometheus.kserve.io/")]
    test_around.test_both_endpoints_of_a_pod_are_scraped_once("raw", "10.1.2.3", "10.1.2.3")


@says("| ready once a port is open | ready while every model has a worker that is ready |")
def _readiness_asks_for_the_models() -> None:
    for protocol in PROTOCOLS:
        probe = container(protocol)["readinessProbe"]
        assert "/v2/health/ready" in str(probe)
        assert "tcpSocket" not in probe


@says("| the root file system can be written | only `/tmp` can |")
def _only_tmp_can_be_written() -> None:
    for protocol in PROTOCOLS:
        only = container(protocol)
        assert only["securityContext"]["readOnlyRootFilesystem"] is True
        assert [each["mountPath"] for each in only["volumeMounts"]] == ["/tmp"]


@pytest.mark.parametrize("sentence", list(sentences()))
def test_what_the_page_says_is_so(sentence: str) -> None:
    assert sentence in _CHECKS, "nothing checks this sentence"
    _CHECKS[sentence]()


def test_nothing_is_checked_that_the_page_does_not_say() -> None:
    assert list(_CHECKS) == list(sentences())


def test_it_is_one_screen_and_its_links_lead_somewhere() -> None:
    text = PAGE.read_text("utf-8")
    assert len(text.splitlines()) <= 50
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert links
    assert [each for each in links if not (PAGE.parent / each).exists()] == []
