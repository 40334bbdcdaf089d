"""The checks: for each statement a function that asks a server and judges what it answers."""

from __future__ import annotations

from collections.abc import Mapping

from kserve_conformance.checks import (  # noqa: F401  # each joins its checks to the statements
    binary,
    errors,
    events,
    explain,
    generate,
    grpc_data,
    grpc_health,
    grpc_infer,
    grpc_stream,
    headers,
    health,
    metadata,
    metrics,
    repository,
    v1,
    v1_http,
    v2,
    v2_http,
    v2_tensors,
)
from kserve_conformance.checks.registry import CHECKS, Check


def all_checks() -> Mapping[str, Check]:
    """Give each check by the id of its statement."""
    return CHECKS
