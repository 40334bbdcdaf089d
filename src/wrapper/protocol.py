"""PROTOCOL_VERSION: which values there are, which is the default, what is said of the others.

Imports the standard library only: a wrong value has to be told before the SDK is
imported, which takes seconds.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

VARIABLE = "PROTOCOL_VERSION"


class PredictorProtocol(str, enum.Enum):
    """The protocol that an InferenceService declares (``protocolVersion``).

    Compares equal to its text, as KServe's own enum of this name does not in every
    release, so that ``model.protocol == "v1"`` holds on all of them.
    """

    REST_V1 = "v1"
    REST_V2 = "v2"
    GRPC_V2 = "grpc-v2"

    def __str__(self) -> str:
        return self.value


# KServe's base class has defaulted to v1 since 0.8; control planes before 0.11.1
# never set the variable.
DEFAULT = PredictorProtocol.REST_V1

# What people write for a value they know under another name. KServe's API still
# admits grpc-v1, though no release of the SDK serves it.
_NEAR = {
    "1": PredictorProtocol.REST_V1,
    "2": PredictorProtocol.REST_V2,
    "rest-v1": PredictorProtocol.REST_V1,
    "rest-v2": PredictorProtocol.REST_V2,
    "grpc": PredictorProtocol.GRPC_V2,
    "grpc-v1": PredictorProtocol.GRPC_V2,
    "grpcv2": PredictorProtocol.GRPC_V2,
}


class UnsupportedProtocolError(ValueError):
    """A PROTOCOL_VERSION that is none of v1, v2 and grpc-v2. Its text is one line."""


def parse(value: str | None) -> PredictorProtocol:
    """Give the protocol that a value of PROTOCOL_VERSION stands for.

    ``None`` (unset) and the empty string mean v1.

    Raises:
        UnsupportedProtocolError: for any other value that is not exactly a protocol.
    """
    if not value:
        return DEFAULT
    try:
        return PredictorProtocol(value)
    except ValueError:
        raise UnsupportedProtocolError(_refusal(value)) from None


def from_environment(environment: Mapping[str, str]) -> PredictorProtocol:
    """Give the protocol that the process environment asks for.

    Raises:
        UnsupportedProtocolError: see `parse`.
    """
    return parse(environment.get(VARIABLE))


def _refusal(value: str) -> str:
    line = f"{VARIABLE}={value!r} is not supported: use v1, v2 or grpc-v2 (unset means v1)"
    near = _nearest(value)
    return f"{line} - did you mean '{near}'?" if near else line


def _nearest(value: str) -> PredictorProtocol | None:
    folded = value.strip().lower().replace("_", "-")
    for protocol in PredictorProtocol:
        if folded == protocol.value:
            return protocol
    return _NEAR.get(folded)
