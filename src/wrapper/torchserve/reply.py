"""What TorchServe answered to an inference request."""

from __future__ import annotations

import dataclasses

JSON = "application/json"


@dataclasses.dataclass(frozen=True)
class Reply:
    """A successful answer of TorchServe.

    Attributes:
        body: the answer as it came, not decoded.
        content_type: its media type with its parameters. Over gRPC, which doesn't tell,
            ``application/json``.
    """

    body: bytes
    content_type: str = JSON
