"""The manifests held against the model classes of every SDK release, and typos in them.

What a class says of a field is its name, its type and whether it is required; those of a pod and of
a container are the Kubernetes client's, of the release that the SDK is locked with. All releases
have ClusterServingRuntime. What no class knows are the words that an enum takes: they are held in
`test_words.py`, alike for all releases.
"""

from __future__ import annotations

import copy
import json
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from matrix.environments import provision
from matrix.planning import axes
from tests.deploy import manifests
from tests.deploy.manifests import MODES, PROTOCOLS, Manifest
from tests.deploy.test_control_planes import WITHOUT_OUR_RUNTIMES
from tests.deploy.test_leaving import declared, moves

pytestmark = pytest.mark.integration

_PROBE = Path(__file__).with_name("model_classes.py")
# The newest patch of each minor release.
RELEASES = axes.load().profile("default")

RUNTIMES = [("runtimes", protocol) for protocol in PROTOCOLS]
SERVICES = [(mode, protocol) for mode in MODES for protocol in PROTOCOLS]

# A typo, where it is, and what is said of it on every release.
Typo = tuple[Callable[[Any], None], str, str]


def runtimes_container(runtime: Manifest) -> Any:
    return runtime["spec"]["containers"][0]


def model(service: Manifest) -> Any:
    return service["spec"]["predictor"]["model"]


def services_container(service: Manifest) -> Any:
    return service["spec"]["predictor"]["containers"][0]


def moved(above: Any, name: str, below: Any) -> None:
    below[name] = above.pop(name)


IN_RUNTIMES: dict[str, Typo] = {
    "unknown field": (
        lambda it: it["spec"].update(protocols=["v1"]),
        "spec.protocols",
        "has no such field",
    ),
    "unknown field of a container": (
        lambda it: runtimes_container(it).update(argument=["torchserve"]),
        "spec.containers[0].argument",
        "has no such field",
    ),
    "wrong case": (
        lambda it: it["spec"].update(protocolversions=it["spec"].pop("protocolVersions")),
        "spec.protocolversions",
        "did you mean 'protocolVersions'?",
    ),
    "wrong case of a container's": (
        lambda it: runtimes_container(it)["securityContext"].update(runAsNonroot=True),
        "spec.containers[0].securityContext.runAsNonroot",
        "did you mean 'runAsNonRoot'?",
    ),
    "wrong type: no list": (
        lambda it: it["spec"].update(protocolVersions="v1"),
        "spec.protocolVersions",
        "'v1' is no list",
    ),
    "wrong type: a boolean as text": (
        lambda it: it["spec"]["supportedModelFormats"][0].update(autoSelect="false"),
        "spec.supportedModelFormats[0].autoSelect",
        "'false' is no bool",
    ),
    "wrong type: a number for a variable": (
        lambda it: runtimes_container(it)["env"][0].update(value=1),
        "spec.containers[0].env[0].value",
        "1 is no str",
    ),
    "wrong type: a port as text": (
        lambda it: runtimes_container(it)["ports"][0].update(containerPort="8080"),
        "spec.containers[0].ports[0].containerPort",
        "'8080' is no int",
    ),
    "wrong nesting: too high": (
        lambda it: moved(runtimes_container(it), "readinessProbe", it["spec"]),
        "spec.readinessProbe",
        "has no such field",
    ),
    "wrong nesting: too deep": (
        lambda it: moved(it["spec"], "volumes", runtimes_container(it)),
        "spec.containers[0].volumes",
        "has no such field",
    ),
    "what is required": (
        lambda it: runtimes_container(it)["env"][0].pop("name"),
        "spec.containers[0].env[0]",
        "name",
    ),
    "no such kind": (
        lambda it: it.update(kind="ClusterServingruntime"),
        "kind",
        "there is no ClusterServingruntime of v1alpha1",
    ),
    "no such group": (
        lambda it: it.update(apiVersion="serving.kserve.com/v1alpha1"),
        "apiVersion",
        "'serving.kserve.com' is not serving.kserve.io",
    ),
}
IN_SERVICES: dict[str, Typo] = {
    "unknown field": (
        lambda it: model(it).update(protocol="v1"),
        "spec.predictor.model.protocol",
        "has no such field",
    ),
    "wrong case": (
        lambda it: model(it).update(storageURI=model(it).pop("storageUri")),
        "spec.predictor.model.storageURI",
        "did you mean 'storageUri'?",
    ),
    "wrong type": (
        lambda it: model(it).update(modelFormat="pytorch"),
        "spec.predictor.model.modelFormat",
        "'pytorch' is no V1beta1ModelFormat",
    ),
    "wrong nesting": (
        lambda it: moved(model(it), "runtime", model(it)["modelFormat"]),
        "spec.predictor.model.modelFormat.runtime",
        "has no such field",
    ),
}
IN_SELF_CONTAINED: dict[str, Typo] = {
    "unknown field": (
        lambda it: it["spec"]["predictor"].update(graceSeconds=60),
        "spec.predictor.graceSeconds",
        "has no such field",
    ),
    "wrong case": (
        lambda it: services_container(it)["readinessProbe"].update(periodseconds=5),
        "spec.predictor.containers[0].readinessProbe.periodseconds",
        "did you mean 'periodSeconds'?",
    ),
    "wrong type": (
        lambda it: it["spec"]["predictor"].update(terminationGracePeriodSeconds="60"),
        "spec.predictor.terminationGracePeriodSeconds",
        "'60' is no int",
    ),
    "wrong nesting": (
        lambda it: moved(services_container(it), "lifecycle", it["spec"]["predictor"]),
        "spec.predictor.lifecycle",
        "has no such field",
    ),
    "what is required": (
        lambda it: it["spec"]["predictor"]["volumes"][0].pop("name"),
        "spec.predictor.volumes[0]",
        "name",
    ),
}


def judged(release: str, given: Mapping[Any, Manifest]) -> dict[Any, list[str]]:
    """Give what a release's classes find wrong with each manifest, in one process."""
    python = provision.provision(release).python
    ran = subprocess.run(
        [python, _PROBE],
        input=json.dumps(list(given.values())),
        env={name: value for name, value in os.environ.items() if name[:6] != "PYTHON"},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert ran.returncode == 0, ran.stderr
    return dict(zip(given, json.loads(ran.stdout), strict=True))


def spoiled(place: tuple[str, str], typos: Mapping[str, Typo]) -> dict[Any, Manifest]:
    """Give a manifest with each typo in turn."""
    right = manifests.one(*place)
    result: dict[Any, Manifest] = {}
    for name, (spoil, _, _) in typos.items():
        wrong = copy.deepcopy(right)
        spoil(wrong)
        result[place[0], name] = wrong
    return result


@pytest.mark.parametrize("release", RELEASES)
def test_the_manifests_are_what_the_release_knows_and_typos_are_not(release: str) -> None:
    """One test for each release, since a process of it has to import its classes."""
    usable = release not in WITHOUT_OUR_RUNTIMES
    ours = {place: manifests.one(*place) for place in (*RUNTIMES, *SERVICES)}
    typos = {("self-contained", name): each for name, each in IN_SELF_CONTAINED.items()}
    wrong = spoiled(("self-contained", "v1"), IN_SELF_CONTAINED)
    if usable:
        ours |= {("moved", declared(each)): each for each in moves()}
        for folder, those in (("runtimes", IN_RUNTIMES), ("raw", IN_SERVICES)):
            typos |= {(folder, name): each for name, each in those.items()}
            wrong |= spoiled((folder, "v1"), those)
    told = judged(release, ours | wrong)

    refused = {place for place in ours if told[place]}
    assert refused == (set() if usable else set(RUNTIMES)), told
    for key, (_, place, said) in typos.items():
        assert any(each.startswith(f"{place}: ") and said in each for each in told[key]), (
            f"{release}, {key}: {told[key]}"
        )
