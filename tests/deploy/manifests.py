"""The manifests of deploy/kserve, and the pod that KServe makes of them."""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.matrix.runs import REPOSITORY

FOLDER = REPOSITORY / "deploy" / "kserve"
KUSTOMIZATION = "kustomization.yaml"
# What a service declares, and so what it is called by in each folder.
PROTOCOLS = ("v1", "v2", "grpc-v2")
# The folders of services; those of the last have no runtime.
MODES = ("raw", "serverless", "self-contained")

Manifest = dict[str, Any]

# Of a predictor's model, what isn't the container's.
_MODEL_ONLY = {
    "modelFormat",
    "protocolVersion",
    "runtime",
    "runtimeVersion",
    "storage",
    "storageUri",
}
# Of a predictor, what isn't the pod's.
_PREDICTOR_ONLY = {"model", "timeout", "minReplicas", "maxReplicas"}
# By what the items of a list are told apart, where the two lists of a merge become one.
_MERGE_KEYS = {"env": "name", "ports": "containerPort", "volumeMounts": "mountPath"}


def read(file: Path) -> list[Manifest]:
    """Give the documents of a file, the caller's to change."""
    return copy.deepcopy(_documents(file))


@functools.cache
def _documents(file: Path) -> list[Manifest]:
    return [each for each in yaml.safe_load_all(file.read_text(encoding="utf-8")) if each]


def every() -> dict[str, Manifest]:
    """Give all that is applied, by its file and its name."""
    return {
        f"{file.relative_to(FOLDER)}: {each['metadata']['name']}": each
        for file in sorted(FOLDER.rglob("*.yaml"))
        if file.name != KUSTOMIZATION
        for each in read(file)
    }


def of_kind(*kinds: str) -> dict[str, Manifest]:
    """Give those of the kinds, as `every` does."""
    return {name: each for name, each in every().items() if each["kind"] in kinds}


def one(folder: str, protocol: str) -> Manifest:
    """Give the runtime or the service of a protocol."""
    (only,) = read(FOLDER / folder / f"{protocol}.yaml")
    return only


def pod(service: Manifest, runtime: Manifest | None) -> dict[str, Any]:
    """Give the pod's spec that KServe makes of a service and its runtime, before it is mutated.

    As MergeRuntimeContainers and MergePodSpec do since 0.9: the service's members win, lists with a
    key become one, arguments are added.
    """
    predictor = service["spec"]["predictor"]
    own = {name: each for name, each in predictor.items() if name not in _PREDICTOR_ONLY}
    if runtime is None:
        return copy.deepcopy(own)
    model = predictor["model"]
    (container,) = runtime["spec"]["containers"]
    override = {name: each for name, each in model.items() if name not in _MODEL_ONLY}
    merged = _merged(container, override)
    merged["args"] = [*container["args"], *override.get("args", [])]
    return {"volumes": runtime["spec"].get("volumes", []), **own, "containers": [merged]}


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    result = copy.deepcopy(dict(below))
    for name, value in above.items():
        if name in _MERGE_KEYS:
            key = _MERGE_KEYS[name]
            items = {each[key]: each for each in (*result.get(name, ()), *value)}
            result[name] = list(items.values())
        elif isinstance(value, dict) and isinstance(result.get(name), dict):
            result[name] = _merged(result[name], value)
        else:
            result[name] = copy.deepcopy(value)
    return result
