"""Ports that two servers of one pod would both listen on."""

from __future__ import annotations

from collections.abc import Mapping

from wrapper.address import is_loopback
from wrapper.settings import Settings


def clash(own: Mapping[str, int], settings: Settings) -> str | None:
    """Say in one line which port is wanted twice, and by whom; None where none is.

    Args:
        own: the wrapper's ports by the flags that set them.
    """
    theirs = {
        "inference_address": settings.inference,
        "management_address": settings.management,
        "grpc_inference_port": settings.grpc_inference,
        "grpc_management_port": settings.grpc_management,
    }
    for flag, port in own.items():
        for name, address in theirs.items():
            if address.port == port and is_loopback(address.host):
                return (
                    f"port {port} is wanted twice: by the wrapper ({flag}) and by TorchServe "
                    f"({name}): give one of them another port"
                )
    return None
