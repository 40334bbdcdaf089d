"""How large a body is read: the rule, whichever server reads it."""

from __future__ import annotations

from collections.abc import Mapping

from wrapper.openinference import binary
from wrapper.settings import Settings
from wrapper.torchserve import error_table
from wrapper.torchserve.error_table import Case

# A binary tensor has 8 bytes for an INT64 that JSON, as TorchServe gets it, has in 2: a digit and a
# comma. So much larger than TorchServe's limit may a request be that TorchServe still takes.
_BINARY_TO_JSON = 4

# gRPC has a limit in 32 bits.
_LARGEST = 2**31 - 1


class BodyLimit:
    """Refuses bodies that TorchServe would refuse, before they are read."""

    def __init__(self, max_request_size: int) -> None:
        """Take the bytes of a request that TorchServe takes."""
        self._bytes = max_request_size

    def most(self, headers: Mapping[str, str]) -> int:
        """Give the bytes that a request with these headers, names in lower case, may have."""
        return self._bytes * (_BINARY_TO_JSON if binary.LENGTH_HEADER in headers else 1)

    def check(self, headers: Mapping[str, str], received: int) -> None:
        """Refuse a request that is too large, by what it announces or by what has come of it.

        Args:
            headers: the request's, names in lower case.
            received: bytes of its body so far.

        Raises:
            ServingError: 413.
        """
        most = self.most(headers)
        announced = headers.get("content-length", "")
        # An HTTP server refuses what is no number, or tells another length by itself.
        if received > most or (
            announced.isascii() and announced.isdigit() and int(announced) > most
        ):
            raise error_table.error(Case.REQUEST_TOO_LARGE, max_request_size=self._bytes)


class JsonLimit:
    """Refuses a request in another encoding as soon as its JSON is larger than TorchServe takes."""

    def __init__(self, max_request_size: int) -> None:
        self._most = max_request_size
        self._written = 0

    def spend(self, size: int) -> None:
        """Take bytes of JSON that were written.

        Raises:
            ServingError: 413.
        """
        self._written += size
        if self._written > self._most:
            raise error_table.error(Case.REQUEST_TOO_LARGE, max_request_size=self._most)


def of_messages(settings: Settings) -> tuple[int, int]:
    """Give the bytes that a gRPC message may have: one that is received, and one that is sent.

    They are the limits of bodies with binary tensors, which hold data as densely: the protocol in
    which a model is asked doesn't decide what it takes.
    """
    of_requests, of_responses = settings.max_request_size, settings.max_response_size
    return _as_dense(of_requests), _as_dense(of_responses)


def _as_dense(size: int) -> int:
    return min(size * _BINARY_TO_JSON, _LARGEST)
