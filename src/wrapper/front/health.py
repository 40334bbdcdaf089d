"""What is said of this server's health by the names that gRPC's health protocol asks by."""

from __future__ import annotations

from wrapper.torchserve.service import TorchServe

# Of the protocol: the server as a whole.
_ALL = ""
_INFERENCE = "inference.GRPCInferenceService"
# Kubernetes has no other way to ask for one or the other ("Define a gRPC liveness probe").
_READINESS, _LIVENESS = "readiness", "liveness"

_FOLLOW_READINESS = (_ALL, _INFERENCE, _READINESS)


class Health:
    """Answers whether a service is served now.

    Source: grpc/doc/health-checking.md.
    """

    def __init__(self, torchserve: TorchServe) -> None:
        self._torchserve = torchserve

    def is_serving(self, service: str) -> bool | None:
        """Tell whether a service is served now, None where there is none of that name.

        The server and its service of inference are when every model is ready, as
        ``GET /v2/health/ready`` says. ``liveness`` is as long as this process answers.
        """
        if service in _FOLLOW_READINESS:
            return self._torchserve.error_unless_all_ready() is None
        return True if service == _LIVENESS else None
