"""The wrapper on an SDK whose gRPC server takes its time to start, as on a busy machine."""

from __future__ import annotations

import asyncio
import runpy
from typing import Any

from kserve.protocol.grpc.server import GRPCServer

_start = GRPCServer.start


async def _start_late(self: Any, *args: Any, **kwargs: Any) -> None:
    await asyncio.sleep(3)
    await _start(self, *args, **kwargs)


GRPCServer.start = _start_late
runpy.run_module("wrapper", run_name="__main__")
