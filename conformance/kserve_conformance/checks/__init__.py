"""The checks: for each statement a function that asks a server and judges what it answers."""

from __future__ import annotations

from collections.abc import Mapping

from kserve_conformance.checks import (
    binary,
    errors,
    explain,
    grpc_data,
    grpc_infer,
    headers,
    health,
    metadata,
    repository,
    v1,
    v1_http,
    v2,
    v2_http,
    v2_tensors,
)
from kserve_conformance.checks.registry import CHECKS, Check

__all__ = ["Check", "all_checks"]

_AREAS = (
    v1,
    v1_http,
    explain,
    v2,
    v2_http,
    v2_tensors,
    binary,
    grpc_infer,
    grpc_data,
    health,
    metadata,
    errors,
    headers,
    repository,
)


def all_checks() -> Mapping[str, Check]:
    """Give each check by the id of its statement."""
    return CHECKS
