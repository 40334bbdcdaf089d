"""What of a server is served in one process."""

from __future__ import annotations

import enum


class Part(enum.Flag):
    """The servers of a ``kserve.ModelServer``, which may have processes of their own."""

    REST = enum.auto()
    GRPC = enum.auto()
    ALL = REST | GRPC
