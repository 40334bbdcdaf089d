"""The kinds of request that are counted, and how each is told its end."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Callable

from wrapper import grpc_codes
from wrapper.errors import UNEXPECTED, ServingError


def _http_status(error: ServingError) -> str:
    return str(error.status)


# By identity, since it is looked up for every request.
@dataclasses.dataclass(frozen=True, eq=False)
class Kind:
    """A protocol and a verb of it, with the words of the label ``status``.

    Attributes:
        succeeded: what success is told as.
        cancelled: what it is told as that the client went away; 499 is nginx's.
        refused: gives what an error is told as.
    """

    protocol: str
    verb: str
    succeeded: str = "200"
    cancelled: str = "499"
    refused: Callable[[ServingError], str] = _http_status

    def status(self, error: BaseException | None) -> str:
        """Give the status that a request ended with, by the exception that it ended with."""
        if error is None:
            return self.succeeded
        if isinstance(error, asyncio.CancelledError):
            return self.cancelled
        return self.refused(error if isinstance(error, ServingError) else UNEXPECTED)


V1_PREDICT = Kind("v1", "predict")
V1_EXPLAIN = Kind("v1", "explain")
V2_INFER = Kind("v2", "infer")
V2_EXPLAIN = Kind("v2", "explain")
GRPC_INFER = Kind("grpc-v2", "infer", grpc_codes.OK, grpc_codes.CANCELLED, grpc_codes.name_of)
