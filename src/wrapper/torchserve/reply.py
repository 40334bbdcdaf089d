"""What TorchServe answered to an inference request."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Reply:
    """A successful answer of TorchServe.

    Attributes:
        body: the answer as it came, not decoded.
        content_type: its media type with its parameters; empty where TorchServe doesn't say,
            which it does only for what a handler gave a type of its own.
    """

    body: bytes
    content_type: str = ""
