"""The commands of deploy/leaving-torchserve-kfs.md and of deploy/kserve/README.md."""

from __future__ import annotations

import copy
import json
import re
import shlex
from typing import Any

import pytest

from tests.deploy import manifests
from tests.deploy.manifests import PROTOCOLS, Manifest
from tests.deploy.test_control_planes import (
    AFTER_REMOVAL,
    NEEDED,
    RELEASES,
    STOCK_NAME,
    WITHOUT_OUR_RUNTIMES,
    decided,
    runtime_of,
)
from tests.matrix.runs import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
PAGES = (DEPLOY / "leaving-torchserve-kfs.md", DEPLOY / "kserve" / "README.md")
# What KServe keeps of its own example (docs/samples/v1beta1/torchserve), whose predictor.pytorch it
# turns into predictor.model; 0.8 names its runtime there, too.
BEFORE: Manifest = {
    "apiVersion": "serving.kserve.io/v1beta1",
    "kind": "InferenceService",
    "metadata": {"name": "mnist", "labels": {"serviceEnvelope": "kserve"}},
    "spec": {
        "predictor": {
            "model": {
                "modelFormat": {"name": "pytorch"},
                "runtime": STOCK_NAME,
                "storageUri": "gs://kfserving-examples/models/torchserve/image_classifier/v1",
            }
        }
    },
}


def commands() -> list[list[str]]:
    """Give the words of each command that the pages show."""
    blocks = [
        block
        for page in PAGES
        for block in re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    ]
    return [shlex.split(line) for block in blocks for line in block.splitlines()]


def patches(kind: str) -> list[tuple[str, Any]]:
    """Give the name and the patch of each `kubectl patch` of a kind."""
    found = [words for words in commands() if words[1] == "patch" and kind in words]
    return [
        (words[words.index(kind) + 1], json.loads(words[words.index("-p") + 1])) for words in found
    ]


def merged(value: Any, patch: Any) -> Any:
    """Do what RFC 7396 says of a merge patch."""
    if not isinstance(patch, dict):
        return patch
    result = dict(value) if isinstance(value, dict) else {}
    for name, member in patch.items():
        if member is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), member)
    return result


def replaced(value: Manifest, patch: list[dict[str, Any]]) -> Manifest:
    """Do what RFC 6902 says of a patch that replaces; KeyError or IndexError where nothing is."""
    result = copy.deepcopy(value)
    for operation in patch:
        assert operation["op"] == "replace"
        inside: Any = result
        *above, last = operation["path"].strip("/").split("/")
        for word in above:
            inside = inside[int(word) if isinstance(inside, list) else word]
        # A name that isn't there is refused, and not added.
        assert last in inside
        inside[last] = operation["value"]
    return result


def moves() -> list[Manifest]:
    """Give the example after each patch that moves it to one of these runtimes."""
    after = [merged(BEFORE, patch) for _, patch in patches("inferenceservice")]
    return [each for each in after if runtime_named(each) != STOCK_NAME]


def runtime_named(service: Manifest) -> Any:
    return service["spec"]["predictor"]["model"]["runtime"]


def declared(service: Manifest) -> Any:
    return service["spec"]["predictor"]["model"]["protocolVersion"]


@pytest.fixture(scope="module")
def runtimes() -> list[Manifest]:
    return [manifests.one("runtimes", protocol) for protocol in PROTOCOLS]


def test_every_command_is_of_a_form_that_is_tried_here() -> None:
    kinds = {tuple(words[:2]) for words in commands()}
    assert kinds == {("kubectl", "apply"), ("kubectl", "patch"), ("kubectl", "get")}
    patched = [*patches("inferenceservice"), *patches("clusterservingruntime")]
    assert len(patched) == len([words for words in commands() if words[1] == "patch"])


def test_what_is_applied_is_there_and_what_is_got_is_in_it() -> None:
    services = []
    for words in commands():
        named = {
            option: words[words.index(option) + 1] for option in ("-f", "-k") if option in words
        }
        if words[1] == "apply":
            (place,) = named.values()
            folder = "-k" in named
            file = REPOSITORY / place / manifests.KUSTOMIZATION if folder else REPOSITORY / place
            services += [each["metadata"]["name"] for each in manifests.read(file) if not folder]
        elif words[1] == "get":
            assert words[-2:] == ["inferenceservice", services[-1]]


def test_there_is_a_move_for_each_protocol(runtimes: list[Manifest]) -> None:
    assert [declared(each) for each in moves()] == list(PROTOCOLS)
    for each in moves():
        runtime = runtime_of(each, runtimes)
        assert runtime is not None
        assert runtime["spec"]["protocolVersions"] == [declared(each)]
        # What the policy and the monitor go by.
        assert each["metadata"]["labels"].items() >= runtime["metadata"]["labels"].items()
        assert "storageUri" in each["spec"]["predictor"]["model"]


@pytest.mark.parametrize("release", RELEASES)
def test_a_service_that_was_moved_gets_its_protocol(release: str, runtimes: list[Manifest]) -> None:
    if release == AFTER_REMOVAL or release not in WITHOUT_OUR_RUNTIMES:
        for each in moves():
            assert decided(release, each, runtime_of(each, runtimes)) == NEEDED[declared(each)]


def test_the_way_back_is_to_kserves_runtime() -> None:
    back = [merged(moves()[0], patch) for _, patch in patches("inferenceservice")][-1]
    assert runtime_named(back) == STOCK_NAME
    assert declared(back) == "v1"


@pytest.mark.parametrize("protocol", [None, *PROTOCOLS])
def test_a_service_without_a_runtime_finds_that_of_its_protocol(
    protocol: str | None, runtimes: list[Manifest]
) -> None:
    """As GetSupportingRuntimes finds it: it can be selected and admits the protocol, or v1."""
    by_name = {each["metadata"]["name"]: each for each in runtimes}
    patched = [
        replaced(by_name.pop(name), patch) for name, patch in patches("clusterservingruntime")
    ]
    assert not by_name
    (found,) = (
        runtime
        for runtime in patched
        if runtime["spec"]["supportedModelFormats"][0]["autoSelect"] is True
        and (protocol or "v1") in runtime["spec"]["protocolVersions"]
    )
    service = copy.deepcopy(BEFORE)
    model = service["spec"]["predictor"]["model"]
    model["runtime"] = found["metadata"]["name"]
    if protocol:
        model["protocolVersion"] = protocol
    assert decided(AFTER_REMOVAL, service, found) == NEEDED[protocol or "v1"]
