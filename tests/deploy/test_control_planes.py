"""The manifests under each release of KServe's controller: what a container ends up with."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
from packaging.specifiers import SpecifierSet

from matrix.planning import axes
from matrix.planning.control_planes import ABSENT, NO_ENVELOPE, ControlPlane, RuntimeKind
from tests.deploy import manifests
from tests.deploy.manifests import PROTOCOLS, Manifest

AFTER_REMOVAL = "after-removal"
# Its runtimes know neither volumes nor ports, so that ours are of no use there.
WITHOUT_OUR_RUNTIMES = SpecifierSet("<0.9")
STOCK_NAME = "kserve-torchserve"
SERVER_TYPE = "serving.kserve.io/server-type"
FROM_LABEL = "{{.Labels.serviceEnvelope}}"

# (PROTOCOL_VERSION, TS_SERVICE_ENVELOPE) by what a service declares.
Decided = tuple[str | None, str | None]
NEEDED: dict[str, Decided] = {
    "v1": ("v1", "kserve"),
    "v2": ("v2", "kservev2"),
    "grpc-v2": ("grpc-v2", "kservev2"),
}

RELEASES = [*axes.load().kserve, AFTER_REMOVAL]


def plane_of(release: str) -> ControlPlane:
    """Give the control plane of a release."""
    (only,) = (plane for plane in axes.load().control_planes if plane.is_of(release))
    return only


def decided(release: str, service: Manifest, runtime: Manifest | None) -> Decided:
    """Give what the container has in the end."""
    (container,) = manifests.pod(service, runtime)["containers"]
    own = {each["name"]: each["value"] for each in container["env"]}
    declared = service["spec"]["predictor"].get("model", {}).get("protocolVersion", ABSENT)
    made = plane_of(release).pod(declared, kind_of(runtime), own.get("PROTOCOL_VERSION"))
    # It is KServe's own runtime only that admits no more than it declares.
    assert made is not None
    label = "" if made.envelope == NO_ENVELOPE else made.envelope
    return made.protocol_version, own["TS_SERVICE_ENVELOPE"].replace(FROM_LABEL, label)


def kind_of(runtime: Manifest | None) -> RuntimeKind:
    """Tell what KServe can know a runtime by, if there is one."""
    metadata = {} if runtime is None else runtime["metadata"]
    if metadata.get("name") == STOCK_NAME:
        return RuntimeKind.NAMESAKE
    annotated = metadata.get("annotations", {}).get(SERVER_TYPE) == "torchserve"
    return RuntimeKind.ANNOTATED if annotated else RuntimeKind.OTHER


def runtime_of(service: Manifest, runtimes: list[Manifest]) -> Manifest | None:
    """Give the runtime that a service names, None for a service without a model."""
    model = service["spec"]["predictor"].get("model")
    if model is None:
        return None
    (named,) = (each for each in runtimes if each["metadata"]["name"] == model["runtime"])
    return named


@pytest.fixture(scope="module")
def runtimes() -> list[Manifest]:
    return [manifests.one("runtimes", protocol) for protocol in PROTOCOLS]


@pytest.mark.parametrize("release", RELEASES)
def test_a_container_gets_what_its_service_declares(release: str, runtimes: list[Manifest]) -> None:
    # That our runtimes are of no use on the oldest, test_model_classes.py holds.
    ours = release == AFTER_REMOVAL or release not in WITHOUT_OUR_RUNTIMES
    for mode in manifests.MODES if ours else ("self-contained",):
        services = {protocol: manifests.one(mode, protocol) for protocol in PROTOCOLS}
        assert {
            protocol: decided(release, service, runtime_of(service, runtimes))
            for protocol, service in services.items()
        } == NEEDED


@pytest.mark.parametrize("release", RELEASES)
def test_a_service_that_declares_nothing_gets_what_its_runtime_serves(
    release: str, runtimes: list[Manifest]
) -> None:
    for protocol in PROTOCOLS:
        service = manifests.one("raw", protocol)
        del service["spec"]["predictor"]["model"]["protocolVersion"]
        assert decided(release, service, runtime_of(service, runtimes)) == NEEDED[protocol]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("mode", ["raw", "serverless"])
def test_a_service_is_admitted_by_the_runtime_that_it_names(
    protocol: str, mode: str, runtimes: list[Manifest]
) -> None:
    service = manifests.one(mode, protocol)
    model = service["spec"]["predictor"]["model"]
    runtime = runtime_of(service, runtimes)
    assert runtime is not None
    assert runtime["spec"]["protocolVersions"] == [protocol] == [model["protocolVersion"]]
    formats = [each["name"] for each in runtime["spec"]["supportedModelFormats"]]
    assert formats == [model["modelFormat"]["name"]]


def test_no_service_that_names_no_runtime_changes_to_one_of_these(runtimes: list[Manifest]) -> None:
    formats = [each for runtime in runtimes for each in runtime["spec"]["supportedModelFormats"]]
    assert [each["autoSelect"] for each in formats] == [False] * 3


# What somebody could write instead, with one release on which it goes wrong.
def named_as_kserves(runtime: Manifest) -> None:
    runtime["metadata"]["name"] = STOCK_NAME


def annotated_as_torchserve(runtime: Manifest) -> None:
    runtime["metadata"]["annotations"] = {SERVER_TYPE: "torchserve"}


def with_the_envelope_of_the_label(runtime: Manifest) -> None:
    for each in runtime["spec"]["containers"][0]["env"]:
        if each["name"] == "TS_SERVICE_ENVELOPE":
            each["value"] = FROM_LABEL


def without_a_protocol(runtime: Manifest) -> None:
    (container,) = runtime["spec"]["containers"]
    container["env"] = [each for each in container["env"] if each["name"] != "PROTOCOL_VERSION"]


@pytest.mark.parametrize(
    ("change", "release", "protocol", "declares", "comes_to"),
    [
        (named_as_kserves, "0.13.1", "v2", False, ("v1", "kservev2")),
        (annotated_as_torchserve, "0.17.1", "v2", False, ("v1", "kservev2")),
        (with_the_envelope_of_the_label, "0.16.0", "v2", True, ("v2", "")),
        (with_the_envelope_of_the_label, AFTER_REMOVAL, "v1", True, ("v1", "")),
        (without_a_protocol, "0.10.2", "v2", True, (None, "kservev2")),
        (without_a_protocol, AFTER_REMOVAL, "grpc-v2", True, (None, "kservev2")),
    ],
)
def test_what_these_runtimes_avoid_would_be_seen(
    change: Callable[[Manifest], None],
    release: str,
    protocol: str,
    declares: bool,
    comes_to: Decided,
    runtimes: list[Manifest],
) -> None:
    service = manifests.one("raw", protocol)
    if not declares:
        del service["spec"]["predictor"]["model"]["protocolVersion"]
    runtime = copy.deepcopy(runtime_of(service, runtimes))
    assert runtime is not None
    change(runtime)
    assert decided(release, service, runtime) == comes_to != NEEDED[protocol]


def test_on_0_11_2_the_stock_runtimes_way_gives_grpc_the_envelope_of_v1() -> None:
    """As kserve/kserve v0.11.2 does: the one pair that no own value can be told from."""
    runtime, service = manifests.one("runtimes", "grpc-v2"), manifests.one("raw", "grpc-v2")
    named_as_kserves(runtime)
    with_the_envelope_of_the_label(runtime)
    assert decided("0.11.2", service, runtime) == ("grpc-v2", "kserve")
