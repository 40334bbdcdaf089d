"""Servers that are wrong on purpose: a few lines each, each breaking one statement."""

from tests.servers.wrong import (
    binary,
    binary_refusals,
    errors,
    events,
    explain,
    grpc_data,
    grpc_health,
    grpc_infer,
    grpc_refusals,
    headers,
    health,
    limits,
    metadata,
    properties,
    repository,
    v1,
    v2,
    v2_members,
    v2_refusals,
    v2_tensor_refusals,
    v2_tensors,
    versions,
)
from tests.servers.wrong.faults import FAULTS, Fault

__all__ = ["FAULTS", "Fault"]

_AREAS = (
    v1,
    explain,
    events,
    v2,
    v2_members,
    v2_refusals,
    v2_tensor_refusals,
    v2_tensors,
    binary,
    binary_refusals,
    limits,
    grpc_infer,
    grpc_data,
    grpc_refusals,
    health,
    grpc_health,
    metadata,
    properties,
    versions,
    errors,
    headers,
    repository,
)
