"""Texts of the manifests that have to be one of a few words, and amounts that have a unit."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deploy import manifests
from tests.deploy.manifests import Manifest

WORDS = tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf-8"))["words"]
# https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|[MGTPE]|[KMGTPE]i)?")


def wrong(value: Any, name: str = "", place: str = "") -> Iterator[str]:
    """Give each place whose text is none of the words of its field."""
    if isinstance(value, dict):
        for each, member in value.items():
            inside = "quantity" if name in ("requests", "limits") else each
            yield from wrong(member, inside, f"{place}.{each}".lstrip("."))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from wrong(member, name, f"{place}[{index}]")
    elif name == "quantity" and not QUANTITY.fullmatch(str(value)):
        yield f"{place}: {value!r} is no quantity"
    elif name in WORDS and value not in WORDS[name]:
        yield f"{place}: {value!r} is none of {', '.join(WORDS[name])}"


def test_every_word_is_one_that_its_field_takes() -> None:
    assert {name: list(wrong(each)) for name, each in manifests.every().items()} == {
        name: [] for name in manifests.every()
    }


def container(manifest: Manifest) -> Any:
    return manifest["spec"]["containers"][0]


@pytest.mark.parametrize(
    ("folder", "spoil", "place"),
    [
        (
            "runtimes",
            lambda it: it["spec"].update(protocolVersions=["grpc"]),
            "spec.protocolVersions[0]: 'grpc'",
        ),
        (
            "runtimes",
            lambda it: container(it)["ports"][0].update(protocol="tcp"),
            "spec.containers[0].ports[0].protocol: 'tcp'",
        ),
        (
            "runtimes",
            lambda it: container(it)["securityContext"]["capabilities"].update(drop=["All"]),
            "spec.containers[0].securityContext.capabilities.drop[0]: 'All'",
        ),
        (
            "runtimes",
            lambda it: container(it)["resources"]["limits"].update(memory="2GiB"),
            "spec.containers[0].resources.limits.memory: '2GiB'",
        ),
        (
            "raw",
            lambda it: it["spec"]["predictor"]["model"].update(protocolVersion="V2"),
            "spec.predictor.model.protocolVersion: 'V2'",
        ),
        (
            "raw",
            lambda it: it["metadata"]["annotations"].update(
                {"serving.kserve.io/deploymentMode": "Raw"}
            ),
            "metadata.annotations.serving.kserve.io/deploymentMode: 'Raw'",
        ),
        (
            "raw",
            lambda it: it["spec"]["predictor"]["securityContext"]["seccompProfile"].update(
                type="runtime/default"
            ),
            "spec.predictor.securityContext.seccompProfile.type: 'runtime/default'",
        ),
    ],
)
def test_another_word_would_be_seen(
    folder: str, spoil: Callable[[Manifest], None], place: str
) -> None:
    manifest = manifests.one(folder, "v1")
    spoil(manifest)
    (told,) = wrong(manifest)
    assert told.startswith(place)
