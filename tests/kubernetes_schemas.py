"""Manifests of core kinds, held against the schemas of each version of Kubernetes.

The validator is imported where it is needed: it takes a second, in each process that collects.
"""

from __future__ import annotations

from packaging.version import Version

from tests import packages

_SCHEMAS = packages.folder("kubernetes_validate") / "kubernetes-json-schema"
# Each is there twice, one of them strict.
_THERE = {each.name.removeprefix("v").partition("-")[0] for each in _SCHEMAS.glob("v*")}
VERSIONS = sorted(_THERE, key=Version)


def validate(manifest: object, version: str = VERSIONS[-1]) -> None:
    """Hold a manifest against a version's schema, which allows no unknown member.

    Raises:
        kubernetes_validate.ValidationError: tells what is wrong where.
    """
    import kubernetes_validate

    kubernetes_validate.validate(manifest, version, strict=True)


def is_valid(manifest: object, version: str = VERSIONS[-1]) -> bool:
    """Tell whether a manifest keeps a version's schema."""
    from kubernetes_validate import ValidationError

    try:
        validate(manifest, version)
    except ValidationError:
        return False
    return True
