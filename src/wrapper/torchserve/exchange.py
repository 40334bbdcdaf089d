"""What is asked of a model in TorchServe, and what comes back."""

from __future__ import annotations

import dataclasses
import enum

from wrapper.names import Target

# TorchServe's KServe routes take no version; what they pass on to a model is the same.
_OF_A_VERSION = "/predictions/{}/{}"


class Verb(enum.Enum):
    """What a model is asked to do. The value is the path of TorchServe's own route for it."""

    PREDICT = "/v1/models/{}:predict"
    EXPLAIN = "/v1/models/{}:explain"
    INFER = "/v2/models/{}/infer"

    @property
    def protocol(self) -> str:
        """The protocol of the request and its answer, "V1" or "V2"."""
        return "V2" if self is Verb.INFER else "V1"

    def path(self, target: Target) -> str:
        """Give the path of the route for a model, or for a version of it."""
        if target.version:
            return _OF_A_VERSION.format(target.model, target.version)
        return self.value.format(target.model)


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
