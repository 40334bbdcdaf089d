"""The kustomizations: each names what lies beside it, and what is installed sets every image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.deploy import manifests
from tests.deploy.manifests import FOLDER, KUSTOMIZATION, PROTOCOLS

FOLDERS = sorted(file.parent for file in FOLDER.rglob(KUSTOMIZATION))
INSTALL = FOLDER / "install"


def kustomization(folder: Path) -> Any:
    (only,) = manifests.read(folder / KUSTOMIZATION)
    return only


def resources(folder: Path) -> list[Path]:
    """Give the files that a kustomization comes to, as `kubectl kustomize` follows them."""
    named = [(folder / each).resolve() for each in kustomization(folder)["resources"]]
    files = [resources(each) if each.is_dir() else [each] for each in named]
    return [file for those in files for file in those]


def images(value: Any) -> list[str]:
    """Give the images of the containers anywhere within, which is where kustomize looks."""
    if isinstance(value, list):
        return [image for each in value for image in images(each)]
    if not isinstance(value, dict):
        return []
    own = [each["image"] for each in value.get("containers", ()) if "image" in each]
    return own + [image for each in value.values() for image in images(each)]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_kustomization_is_one_of_the_kind_that_is_read_today(folder: Path) -> None:
    read = kustomization(folder)
    assert (read["apiVersion"], read["kind"]) == (
        "kustomize.config.k8s.io/v1beta1",
        "Kustomization",
    )
    # Nothing that would have to be rendered to be seen: what lies here is what is applied.
    assert read.keys() - {"apiVersion", "kind"} <= {"resources", "images"}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_kustomization_names_all_that_lies_beside_it(folder: Path) -> None:
    beside = {each for each in folder.glob("*.yaml") if each.name != KUSTOMIZATION}
    named = resources(folder)
    assert len(named) == len(set(named)) > 0
    assert all(each.is_file() for each in named)
    assert beside <= set(named)


def test_what_is_installed_is_all_that_a_service_needs() -> None:
    kinds = [each["kind"] for file in resources(INSTALL) for each in manifests.read(file)]
    assert set(kinds) == {"ClusterServingRuntime", "NetworkPolicy", "PodMonitor"}
    assert kinds.count("ClusterServingRuntime") == len(PROTOCOLS)


def test_what_is_installed_sets_the_image_that_the_manifests_have() -> None:
    ours = {image for each in manifests.every().values() for image in images(each)}
    (image,) = ours
    (changed,) = kustomization(INSTALL)["images"]
    assert image == f"{changed['name']}:TAG"
    assert changed["newName"] != changed["name"]
    assert changed["newTag"]


def test_no_two_of_what_is_applied_together_have_one_name() -> None:
    names = [
        (each["kind"], each["metadata"]["name"])
        for file in resources(INSTALL)
        for each in manifests.read(file)
    ]
    assert len(names) == len(set(names))
